"""What it means for a document that its parser process ended."""

from __future__ import annotations

from signal import SIGABRT, SIGXCPU, Signals

from shared.errors import ErrorCode, WorkError

_ALLOCATION_FAILED = "memory allocation of"  # what Rust's runtime writes before it aborts

TOO_MUCH_MEMORY = (
    "The document needs more memory than a parser is allowed: it is damaged, or too large. "
    "Save it again, or split it into several files."
)


def timed_out(seconds: float) -> WorkError:
    """``parser_timeout``: not retried by itself, the same document would take as long again."""
    return WorkError(
        ErrorCode.PARSER_TIMEOUT,
        f"Parsing took longer than {seconds:g} seconds and was stopped. Simplify or split the document.",
        retryable=False,
    )


def ended(returncode: int | None, said: str, *, cpu_seconds: float) -> WorkError:
    """Judge a parser process that ended in the middle of a document.

    ``parser_crashed`` is retryable: the machine's memory or what the process had read before may have been the reason,
    and the limit on attempts ends a document that is the reason itself.

    Args:
        returncode: as :mod:`subprocess` tells it: minus the signal that ended it.
        said: the end of what it wrote to stderr.
        cpu_seconds: the CPU time that it was given for one document.
    """
    signal = -returncode if returncode is not None and returncode < 0 else None
    if signal == SIGXCPU:
        return timed_out(cpu_seconds)
    if signal == SIGABRT and _ALLOCATION_FAILED in said:
        return WorkError(
            ErrorCode.TOO_LARGE,
            TOO_MUCH_MEMORY,
            retryable=False,
        )
    how = f"signal {Signals(signal).name}" if signal in set(Signals) else f"exit code {returncode}"
    return WorkError(
        ErrorCode.PARSER_CRASHED,
        f"The parser process ended while it read this document ({how}). Other documents are not affected.",
        retryable=True,
    )
