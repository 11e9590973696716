"""Regular expressions that people send: which may be used, and how they are matched.

Matched by RE2, in time linear in the length of the address whatever the pattern. Python's ``re`` can be made
to run for years by a pattern of ten characters, and no check of a pattern tells reliably which ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import re2

from shared.errors import QuernError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PATTERN_CHARS = 500
"""Longest pattern that is taken."""

_MAX_PROGRAM_BYTES = 1 << 20


class InvalidPatternError(QuernError):
    """The text is not a pattern that can be used; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; :meth:`found_in` looks for it anywhere in a text."""

    text: str
    compiled: Any  # re2 ships no types

    def found_in(self, text: str) -> bool:
        """Whether the pattern matches somewhere in ``text``."""
        return self.compiled.search(text) is not None


def validate_pattern(text: str) -> None:
    """Check a pattern as the gateway must before it is stored.

    Raises:
        InvalidPatternError: as :func:`compile_pattern`.
    """
    compile_pattern(text)


@lru_cache(maxsize=512)  # a crawl matches the same few patterns against each of its links
def compile_pattern(text: str) -> Pattern:
    """Compile a pattern in RE2's syntax (Python's without look-around and back references).

    Raises:
        InvalidPatternError: empty, too long, not a pattern, or one that would need too much memory.
    """
    if not text:
        raise InvalidPatternError("The pattern is empty.")
    if len(text) > MAX_PATTERN_CHARS:
        raise InvalidPatternError(f"The pattern is longer than {MAX_PATTERN_CHARS} characters.")
    options = re2.Options()
    options.max_mem = _MAX_PROGRAM_BYTES
    options.log_errors = False
    try:
        return Pattern(text=text, compiled=re2.compile(text, options))
    except (re2.error, UnicodeEncodeError) as error:
        raise InvalidPatternError(f"The pattern cannot be used: {_reason(error)}.") from None


def compile_patterns(texts: Iterable[str]) -> tuple[Pattern, ...]:
    """Compile several; raises as :func:`compile_pattern`."""
    return tuple(compile_pattern(text) for text in texts)


def _reason(error: Exception) -> str:
    detail = error.args[0] if error.args else b""
    if not isinstance(detail, bytes):
        return "it is not valid text"
    reason = detail.decode("utf-8", "replace")
    if "(?=" in reason or "(?!" in reason or "(?<" in reason:
        return "look-ahead and look-behind are not supported"
    return reason
