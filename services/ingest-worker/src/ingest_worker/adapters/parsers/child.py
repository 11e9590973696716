"""A parser process: reads requests from stdin, answers on stdout, one document at a time.

Started by ``adapters.parser_pool`` as ``python -m ingest_worker.adapters.parsers.child``, never forked: the worker has
threads. It gives itself its limits, dies with its parent, and holds no connection, secret or file of the worker's.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import signal
import traceback
from typing import IO, TYPE_CHECKING

import msgspec

from ingest_worker.adapters.parsers.dispatch import parse
from ingest_worker.adapters.parsers.limits import allow_cpu, die_with_parent, limit_memory
from ingest_worker.adapters.parsers.source import is_rust_panic
from ingest_worker.core.parser_frames import (
    CHUNKS_PER_FRAME,
    HEADER,
    Answer,
    Chunks,
    Failed,
    Finished,
    decode_request,
    encode,
)
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest_worker.core.parse_request import ParseRequest

_TRACED_CALLS = 5
_GARBAGE_THRESHOLD = (
    50_000  # a document's objects are hardly ever cyclic; searching for cycles cost a tenth of the time
)


def main() -> None:
    """Serve until stdin ends."""
    options = _options()
    die_with_parent(options.parent_pid)
    limit_memory(options.memory_bytes)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(_GARBAGE_THRESHOLD)
    requests, answers = _own_pipes()
    _warm()
    _send(answers, Chunks(chunks=()))  # says that it is ready
    while (frame := _read_frame(requests)) is not None:
        allow_cpu(options.cpu_seconds)
        for answer in _answers(decode_request(frame)):
            _send(answers, answer)
        answers.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent-pid", type=int, required=True)
    parser.add_argument("--memory-bytes", type=int, required=True)
    parser.add_argument("--cpu-seconds", type=int, required=True)
    return parser.parse_args()


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take stdin and stdout for frames alone: what a library prints goes to stderr."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return requests, answers


def _warm() -> None:
    """Load what pages need, so that the first one does not wait for it."""
    import ingest_worker.adapters.parsers.html  # noqa: F401, PLC0415 - for its effect, once the limits are set


def _read_frame(requests: IO[bytes]) -> bytes | None:
    header = requests.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    return requests.read(length)


def _send(answers: IO[bytes], answer: Answer) -> None:
    frame = encode(answer)
    answers.write(HEADER.pack(len(frame)))
    answers.write(frame)
    answers.flush()


def _answers(request: ParseRequest) -> Iterator[Answer]:
    try:
        parsed = parse(request)
    except WorkError as error:
        yield Failed(error.code, error.sentence, error.retryable, _resident_bytes())
        return
    except BaseException as error:
        if not isinstance(error, Exception) and not is_rust_panic(error):
            raise
        # Whatever a library raises at a hostile document is that document's failure.
        traceback.print_exc(limit=-_TRACED_CALLS)
        yield _unexpected(error)
        return
    chunks = parsed.chunks
    for start in range(0, len(chunks) if len(chunks) > CHUNKS_PER_FRAME else 0, CHUNKS_PER_FRAME):
        yield Chunks(chunks[start : start + CHUNKS_PER_FRAME])
    if len(chunks) > CHUNKS_PER_FRAME:
        parsed = msgspec.structs.replace(parsed, chunks=[])
        del chunks
    yield Finished(parsed, _resident_bytes())


def _unexpected(error: BaseException) -> Failed:
    return Failed(
        ErrorCode.PARSER_CRASHED,
        f"The parser failed at this document ({type(error).__name__}). Save or export it again, and try that.",
        retryable=False,
        resident_bytes=_resident_bytes(),
    )


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - once a document, and pathlib is not loaded otherwise
        return int(file.read().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
