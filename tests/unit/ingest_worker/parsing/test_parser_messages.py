from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from signal import SIGABRT, SIGKILL, SIGSEGV, SIGXCPU

import pytest

from ingest_worker.adapters.parser_pool_process import child_environment
from ingest_worker.core.parse_request import ParseRequest, ParserLimits
from ingest_worker.core.parser_exit import ended, timed_out
from ingest_worker.core.parser_frames import Chunks, Failed, Finished, decode_answer, decode_request, encode
from shared.content_types import DocumentType
from shared.contracts.content import Chunk, Column, Parsed
from shared.errors import ErrorCode


def test_requests_survive_the_pipe() -> None:
    request = ParseRequest(
        kind=DocumentType.PDF,
        body=b"\x00\xff",
        path=Path("/blobs/x"),
        url="https://a.example/",
        filename="ä.pdf",
        limits=ParserLimits(max_pages=3),
        chunk_characters=500,
    )
    assert decode_request(encode(request)) == request


def test_answers_survive_the_pipe() -> None:
    chunk = Chunk(text="t", heading_path=("a", "b"), hash="h", occurrence=2, page=3)
    parsed = Parsed(
        markdown="m", chunks=[chunk], content_hash="c", columns=[Column("a", "text")], links=["x"]
    )
    for answer in (
        Chunks([chunk]),
        Finished(parsed, 5),
        Failed("too_large", "s", retryable=False, resident_bytes=7),
    ):
        assert decode_answer(encode(answer)) == answer


@pytest.mark.parametrize(
    ("returncode", "said", "code", "retryable"),
    [
        (-SIGKILL, "", ErrorCode.PARSER_CRASHED, True),
        (-SIGSEGV, "", ErrorCode.PARSER_CRASHED, True),
        (1, "Traceback", ErrorCode.PARSER_CRASHED, True),
        (None, "", ErrorCode.PARSER_CRASHED, True),
        (-SIGABRT, "panic", ErrorCode.PARSER_CRASHED, True),
        (-SIGABRT, "memory allocation of 99 bytes failed", ErrorCode.TOO_LARGE, False),
        (-SIGXCPU, "", ErrorCode.PARSER_TIMEOUT, False),
    ],
)
def test_what_the_end_of_a_process_means(
    returncode: int | None, said: str, code: ErrorCode, *, retryable: bool
) -> None:
    error = ended(returncode, said, cpu_seconds=10)
    assert (error.code, error.retryable) == (code, retryable)


def test_a_timeout_names_its_seconds() -> None:
    assert "2.5 seconds" in timed_out(2.5).sentence


def test_a_parser_process_sees_no_secret() -> None:
    seen = child_environment(
        {"PATH": "/bin", "QUERN_DATABASE_URL": "postgresql://u:p@h/d", "AWS_SECRET": "x"}
    )
    assert seen["PATH"] == "/bin"
    assert not any(name.startswith(("QUERN", "AWS")) for name in seen)


def test_a_parser_process_starts_light() -> None:
    code = (
        "import sys, ingest_worker.adapters.parsers.child, ingest_worker.adapters.parsers.html\n"
        "print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    heavy = {
        "pyarrow",
        "mammoth",
        "pypdfium2",
        "python_calamine",
        "numpy",
        "aiohttp",
        "asyncio",
        "pydantic",
        "asyncpg",
        "nsq",
    }
    assert heavy.isdisjoint(loaded)
    assert "selectolax" in loaded
