"""A promise that was not kept."""

from __future__ import annotations


class BrokenPromiseError(AssertionError):
    """Which promise, what was seen, and in which phase.

    Args:
        promise: P1 to P5, or outcome.
        what: a sentence with what was seen.
        details: lines that help to understand it.
    """

    def __init__(self, promise: str, what: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise
        self.what = what
        self.details = details
