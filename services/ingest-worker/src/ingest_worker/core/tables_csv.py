"""How a CSV file is written: which character separates its cells (RFC 4180 says comma; people use others)."""

from __future__ import annotations

import csv
from collections import Counter

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_CHARACTERS = 65_536
MAX_FIELD_CHARACTERS = 131_072
_SAMPLE_ROWS = 50
_SEP = "sep="


def choose_delimiter(sample: str) -> tuple[str, int]:
    """The delimiter under which most rows of a sample have the same number of cells, more than one.

    Args:
        sample: the start of the file; a row cut off at its end does no harm.

    Returns:
        The delimiter, and how many lines to skip (Excel writes ``sep=;`` as a line of its own).
    """
    first = sample.partition("\n")[0].strip().strip('"')
    if first.lower().startswith(_SEP) and len(first) == len(_SEP) + 1:
        return first[-1], 1
    best, best_score = ",", (0, 0)
    for delimiter in DELIMITERS:
        score = _score(sample, delimiter)
        if score > best_score:
            best, best_score = delimiter, score
    return best, 0


def _score(sample: str, delimiter: str) -> tuple[int, int]:
    """How many rows agree on a width above one, and that width."""
    if delimiter not in sample:
        return (0, 0)
    widths: Counter[int] = Counter()
    try:
        for index, row in enumerate(csv.reader(sample.splitlines(keepends=True), delimiter=delimiter)):
            if index >= _SAMPLE_ROWS:
                break
            widths[len(row)] += bool(row)
    except csv.Error:
        return (0, 0)
    agreed = [(count, width) for width, count in widths.items() if width > 1]
    return max(agreed, default=(0, 0))
