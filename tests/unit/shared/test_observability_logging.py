from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import new_id
from shared.observability.logging import _dump, configure_logging, log_context
from shared.observability.redaction import MASK, redact, redact_item, redact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "hunter2hunter2"


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written to standard output."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    return written


@pytest.fixture
def lines(output: io.StringIO) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configures logging, gives the lines written since, and undoes it."""
    root = logging.getLogger()
    before, level, hook = root.handlers, root.level, sys.excepthook
    levels = {name: logging.getLogger(name).level for name in list(logging.root.manager.loggerDict)}
    configure_logging(service="worker", instance="7", level="debug")
    yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    root.handlers, sys.excepthook = before, hook
    root.setLevel(level)
    for name, value in levels.items():
        logging.getLogger(name).setLevel(value)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_a_line_says_when_where_and_who(lines: Callable[[], list[dict[str, Any]]]) -> None:
    job = new_id()
    with log_context(job_id=job, request_id=None):
        structlog.get_logger("a.b").info("page_fetched", status=200)
    (line,) = lines()
    assert list(line)[:6] == ["ts", "level", "event", "logger", "service", "instance"]
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "event": "page_fetched",
        "logger": "a.b",
        "service": "worker",
        "instance": "7",
        "status": 200,
        "job_id": str(job),
    }


def test_libraries_log_the_same_way(lines: Callable[[], list[dict[str, Any]]]) -> None:
    with log_context(request_id="r"):
        logging.getLogger("some.library").warning("took %.1f s, got %r", 1.5, b"a message's body")
    (line,) = lines()
    assert line["event"] == "took 1.5 s, got '<16 bytes>'"
    assert (line["logger"], line["level"], line["request_id"]) == ("some.library", "warning", "r")


def test_an_exception_is_one_line_with_its_trace_and_without_secrets(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    try:
        int(f"cannot reach postgresql://quern:{SECRET}@db/quern")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed too")
    for line in lines():
        assert "Traceback" in line["exception"]
        assert f"postgresql://{MASK}@db/quern" in line["exception"]


def test_what_cannot_be_written_as_utf8_is_still_a_line(lines: Callable[[], list[dict[str, Any]]]) -> None:
    structlog.get_logger().info("odd", text="\ud800", huge=2**80, thing=object, ids={1: {2}})
    (line,) = lines()
    assert line["text"] == "\ud800"
    assert line["huge"] == 2**80


def test_pynsqs_own_loggers_say_nothing(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("nsq.writer").error("failed to pub (topic, %s)", "body")
    assert lines() == []


def test_warnings_and_uncaught_exceptions_become_lines(lines: Callable[[], list[dict[str, Any]]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old-fashioned", UserWarning, stacklevel=1)
    error = RuntimeError("nobody caught me")
    sys.excepthook(RuntimeError, error, None)
    first, second = lines()
    assert "old-fashioned" in first["event"]
    assert (second["event"], second["level"]) == ("uncaught_exception", "critical")


def test_the_level_holds(lines: Callable[[], list[dict[str, Any]]]) -> None:
    configure_logging(service="x", instance="1", level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")
    assert lines() == []


def test_the_console_format_is_for_people(
    lines: Callable[[], list[dict[str, Any]]],
    output: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", output)  # pytest puts its own back after the fixtures
    configure_logging(service="x", instance="1", log_format="console")
    structlog.get_logger().info("hello", password=SECRET)
    printed = output.getvalue()
    assert "hello" in printed
    assert SECRET not in printed
    with pytest.raises(json.JSONDecodeError):
        json.loads(printed)


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "Authorization",
        "api_key",
        "X-API-Key",
        "password",
        "db_passwd",
        "token",
        "access_token",
        "cookie",
        "Set-Cookie",
        "database_url",
        "client_secret",
        "credentials",
        "private_key",
        "session_id",
    ],
)
def test_secrets_are_known_by_their_key(key: str) -> None:
    assert redact_item(key, SECRET) == MASK
    assert redact_item("headers", {key: SECRET}) == {key: MASK}
    assert redact_item(key, [SECRET]) == MASK
    assert redact_item(key, None) is None


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{SECRET}@host/",
        f"postgresql://{SECRET}@h/d",
        f"Authorization: Bearer {SECRET}",
        f"sent Basic {SECRET}==",
    ],
)
def test_secrets_are_known_by_their_form(text: str) -> None:
    assert SECRET not in redact_text(text)
    assert SECRET not in json.dumps(redact({"a": [{"b": (text,)}]}))


@pytest.mark.parametrize(
    "text",
    ["https://host/a@b", "see https://host/path?q=a@b", "user@host", "plain", "12:30", "basic idea"],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_long_and_deep_values_are_cut() -> None:
    assert len(redact_text("x" * 1_000_000)) < 20_000
    deep: object = SECRET
    for _ in range(50):
        deep = {"inside": deep}
    assert SECRET not in str(redact(deep))


@given(
    st.recursive(
        st.text() | st.binary() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_whatever_is_logged_can_be_logged(value: object) -> None:
    assert json.loads(_dump({"value": redact(value)})).keys() == {"value"}
