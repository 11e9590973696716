"""Every log line is one JSON object on standard output, whoever wrote it: Quern, or a library through ``logging``.

Keys of every line: ``ts`` (RFC 3339, UTC), ``level``, ``event`` (short and constant), ``logger``, ``service``,
``instance``, then what was bound (``request_id``, ``job_id`` …) and what the event adds.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import orjson
import structlog

from shared.observability.redaction import redact, redact_event

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from structlog.typing import EventDict, Processor

LogFormat = Literal["json", "console"]

_QUIET = {
    # Chatty at info, or would print what is not theirs to print: pynsq's writer and reader log message bodies.
    "nsq": logging.CRITICAL,
    "tornado": logging.WARNING,
    "asyncio": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "weaviate": logging.WARNING,
    "grpc": logging.WARNING,
    "urllib3": logging.WARNING,
}


def configure_logging(
    *, service: str, instance: str, level: str = "info", log_format: LogFormat = "json"
) -> None:
    """Send everything that logs through one chain to standard output. Called once, first thing in a service.

    Args:
        service: as in ``stack.json``, without the number: gateway, ingest-worker, result-consumer, janitor.
        instance: tells processes of one service apart.
        level: the least level that is written; libraries named in ``_QUIET`` are held to a higher one.
        log_format: ``json`` for machines, ``console`` for people.
    """
    shared = _shared_processors(service, instance)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact_event,
                *_renderer(log_format),
            ],
        ),
    )
    handler.addFilter(_hide_bytes)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


@contextmanager
def log_context(**values: object) -> Iterator[None]:
    """Bind what every log line of this work carries: once, from the message or the request.

    Values of None are left out. Context is per asyncio task, and copied into tasks that it starts.
    """
    with structlog.contextvars.bound_contextvars(
        **{key: value for key, value in values.items() if value is not None}
    ):
        yield


def _shared_processors(service: str, instance: str) -> list[Processor]:
    def name_process(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        event["instance"] = instance
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        name_process,
    ]


def _hide_bytes(record: logging.LogRecord) -> bool:
    """A library that logs bytes logs a message's body, or a secret. Always True: the line itself is kept."""
    if isinstance(record.args, tuple) and any(isinstance(arg, bytes) for arg in record.args):
        record.args = tuple(redact(arg) if isinstance(arg, bytes) else arg for arg in record.args)
    return True


def _renderer(log_format: LogFormat) -> list[Processor]:
    if log_format == "console":
        return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), timestamp_key="ts", pad_event_to=0)]
    return [_order_keys, structlog.processors.JSONRenderer(serializer=_dump)]


def _order_keys(_logger: object, _method: str, event: MutableMapping[str, object]) -> EventDict:
    first = ("ts", "level", "event", "logger", "service", "instance")
    return {**{key: event[key] for key in first if key in event}, **event}


def _dump(value: object, **_: object) -> str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate from some page, or a number beyond 64 bits
        return json.dumps(value, default=str)


def _log_uncaught(kind: type[BaseException], error: BaseException, _trace: object) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, error.__traceback__)
    else:
        structlog.get_logger(__name__).critical("uncaught_exception", exc_info=error)
