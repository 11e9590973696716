"""The bytes behind a request, and the errors that every parser reports in the same words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest_worker.core.parse_request import ParseRequest

_HEAD_BYTES = 8192


def read_all(request: ParseRequest) -> bytes:
    """The whole document.

    Raises:
        WorkError: ``empty_content``: there are no bytes at all.
    """
    data = request.body if request.path is None else request.path.read_bytes()
    if not data:
        raise empty_file()
    return data


def read_head(request: ParseRequest) -> bytes:
    """The document's first 8 KiB.

    Raises:
        WorkError: ``empty_content``: there are no bytes at all.
    """
    if request.path is None:
        head = (request.body or b"")[:_HEAD_BYTES]
    else:
        with request.path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    if not head:
        raise empty_file()
    return head


@contextmanager
def open_binary(request: ParseRequest) -> Iterator[IO[bytes]]:
    """The document as a file that can be sought."""
    if request.path is not None:
        with request.path.open("rb") as file:
            yield file
    else:
        import io  # noqa: PLC0415 - pages alone come as bytes, and they are read at once

        yield io.BytesIO(request.body or b"")


def is_rust_panic(error: BaseException) -> bool:
    """Whether a library written in Rust met what it thought impossible: pyo3 raises that past ``except Exception``."""
    return type(error).__name__ == "PanicException"


def empty_file() -> WorkError:
    """``empty_content``: zero bytes."""
    return WorkError(ErrorCode.EMPTY_CONTENT, "The file is empty (0 bytes).", retryable=False)


def no_text(what: str) -> WorkError:
    """``empty_content``: bytes, but nothing to search for in them."""
    return WorkError(ErrorCode.EMPTY_CONTENT, f"{what} contains no text.", retryable=False)


def corrupt(what: str, why: str = "") -> WorkError:
    """``corrupt_file``: the bytes are not what they should be."""
    reason = f" ({why})" if why else ""
    return WorkError(
        ErrorCode.CORRUPT_FILE,
        f"The file cannot be read as {what}: it is damaged, cut off or of another kind{reason}. "
        "Save or export it again, and upload it anew.",
        retryable=False,
    )


def encrypted(what: str) -> WorkError:
    """``encrypted``: a password is needed."""
    return WorkError(
        ErrorCode.ENCRYPTED,
        f"The {what} is protected with a password. Save a copy without one, and upload that.",
        retryable=False,
    )


def too_large(what: str) -> WorkError:
    """``too_large``: a limit of the parser is passed."""
    return WorkError(ErrorCode.TOO_LARGE, what, retryable=False)
