"""Telling the language of a text that does not declare one."""

from __future__ import annotations

from resiliparse.parse.lang import detect_fast

_MIN_CHARACTERS = 300
_SAMPLE_CHARACTERS = 4_000
# Its distance measure: on 400 pages of manuals every answer below was right, and wrong ones began there.
_CUTOFF = 400


def detect_language(text: str) -> str | None:
    """The ISO 639-1 code of a text's language, or None where the text is too short or the answer uncertain."""
    start = len(text) // 3 if len(text) > _SAMPLE_CHARACTERS * 3 else 0  # behind a title page and contents
    sample = text[start : start + _SAMPLE_CHARACTERS]
    if len(sample) < _MIN_CHARACTERS:
        return None
    code, _ = detect_fast(sample, cutoff=_CUTOFF)
    return code if len(code) == 2 else None  # noqa: PLR2004 - "unknown" is the answer beyond the cutoff
