"""What holds for every document, tried on documents that nobody would write."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate, count

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_worker.core.chunking import ChunkBuilder, chunk_markdown, chunk_text
from ingest_worker.core.chunking_split import split_text
from ingest_worker.core.markdown_blocks import Kind, scan

LIMITS = st.integers(100, 400)
WORD = re.compile(r"w\d+")


@dataclass(frozen=True)
class Item:
    """A block of a made-up document: what kind, and how many words in how many lines."""

    kind: str
    size: int
    level: int = 1


ITEMS = st.lists(
    st.one_of(
        st.builds(Item, st.just("heading"), st.integers(1, 4), st.integers(1, 6)),
        st.builds(Item, st.just("setext"), st.integers(1, 4), st.integers(1, 2)),
        st.builds(
            Item,
            st.sampled_from(["fence", "quoted", "table", "list", "prose", "wrapped"]),
            st.integers(1, 60),
        ),
        st.builds(Item, st.just("long word"), st.integers(1, 3)),
    ),
    max_size=25,
)


def written(items: list[Item]) -> tuple[str, list[tuple[tuple[str, ...], str]]]:
    """The Markdown of a document, and for each word that is no heading's the path it stands under."""
    numbers = count()
    stack: list[tuple[int, str]] = []
    parts: list[str] = []
    expected: list[tuple[tuple[str, ...], str]] = []
    for item in items:
        words = [f"w{next(numbers)}" for _ in range(item.size)]
        if item.kind in {"heading", "setext"}:
            title = " ".join(words)
            while stack and stack[-1][0] >= item.level:
                stack.pop()
            stack.append((item.level, title))
            mark = "===" if item.level == 1 else "---"
            parts.append(f"{title}\n{mark}" if item.kind == "setext" else "#" * item.level + " " + title)
            continue
        parts.append(_block(item.kind, words))
        expected += [(tuple(title for _, title in stack), word) for word in words]
    return "\n\n".join(parts), expected


def _block(kind: str, words: list[str]) -> str:
    if kind == "fence":
        return "```py\n" + "\n".join(words) + "\n```"
    if kind == "quoted":
        return "> ~~~\n" + "\n".join(f"> {word}" for word in words) + "\n> ~~~"
    if kind == "table":
        return "| h |\n| --- |\n" + "\n".join(f"| {word} |" for word in words)
    if kind == "list":
        return "\n".join(f"{'  ' * (n % 2)}- {word}" for n, word in enumerate(words))
    if kind == "long word":
        return "x" * 350 + " " + " ".join(words)
    return ("\n" if kind == "wrapped" else " ").join(words) + "."


@given(ITEMS, LIMITS)
def test_no_word_is_lost_or_moved_to_another_section(items: list[Item], limit: int) -> None:
    markdown, expected = written(items)
    found = [
        (path, word) for path, text in chunk_markdown(markdown, limit=limit) for word in WORD.findall(text)
    ]
    bare = set(WORD.findall(markdown)) - {word for _, word in expected}
    assert [pair for pair in found if pair[1] not in bare] == expected
    titles = {
        word
        for path, _ in chunk_markdown(markdown, limit=limit)
        for title in path
        for word in WORD.findall(title)
    }
    assert bare <= titles | {word for _, word in found}


@given(ITEMS, LIMITS)
def test_chunks_are_within_the_limit_and_never_empty(items: list[Item], limit: int) -> None:
    for _, text in chunk_markdown(written(items)[0], limit=limit):
        assert 0 < len(text) <= limit
        assert text.strip()


@given(ITEMS, LIMITS)
def test_fences_are_balanced_and_whole_where_they_fit(items: list[Item], limit: int) -> None:
    markdown, _ = written(items)
    texts = [text for _, text in chunk_markdown(markdown, limit=limit)]
    for text in texts:
        assert len(re.findall(r"^(?:> )?(?:```|~~~)", text, re.MULTILINE)) % 2 == 0
    for block in scan(markdown):
        whole = "\n".join(block.lines)
        if block.kind in {Kind.FENCE, Kind.TABLE} and len(whole) <= limit:
            assert any(whole in text for text in texts)


@given(ITEMS, LIMITS)
def test_no_chunk_holds_a_heading_line(items: list[Item], limit: int) -> None:
    for _, text in chunk_markdown(written(items)[0], limit=limit):
        assert not any(block.kind is Kind.HEADING for block in scan(text))


@given(ITEMS, LIMITS)
def test_the_same_document_makes_the_same_chunks(items: list[Item], limit: int) -> None:
    markdown, _ = written(items)
    assert list(chunk_markdown(markdown, limit=limit)) == list(chunk_markdown(markdown, limit=limit))


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_equal_chunks_are_numbered_in_order(texts: list[str]) -> None:
    builder = ChunkBuilder(max_chunks=1000)
    for text in texts:
        builder.add(("p",), text)
    numbers: dict[str, list[int]] = defaultdict(list)
    for chunk in builder.chunks:
        numbers[chunk.hash].append(chunk.occurrence)
    assert [chunk.text for chunk in builder.chunks] == texts
    assert all(found == list(range(len(found))) for found in numbers.values())


@given(st.text(max_size=2000), LIMITS)
@settings(max_examples=200)
def test_splitting_any_text_loses_nothing_but_spaces(text: str, limit: int) -> None:
    pieces = list(split_text(text, limit))
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= limit for piece in pieces)


@given(st.text(max_size=2000), LIMITS)
@settings(max_examples=200)
def test_any_text_at_all_can_be_chunked(text: str, limit: int) -> None:
    for _, piece in chunk_markdown(text, limit=limit):
        assert 0 < len(piece) <= limit
    assert "".join("".join(chunk_text(text, limit=limit)).split()) == "".join(text.split())


CLUSTERS = [
    "e\u0301",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea",
    "\U0001f44b\U0001f3fd",
    "a",
]


@given(st.lists(st.sampled_from(CLUSTERS), min_size=200, max_size=300), st.integers(100, 110))
@settings(max_examples=50)
def test_no_character_is_cut_in_two(characters: list[str], limit: int) -> None:
    text = "".join(characters)
    boundaries = set(accumulate(map(len, characters)))
    ends = list(accumulate(len(piece) for piece in split_text(text, limit)))
    assert len(ends) > 1
    assert set(ends) <= boundaries
