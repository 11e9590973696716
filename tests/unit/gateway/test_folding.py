from __future__ import annotations

from itertools import pairwise
from time import process_time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.folding import MOST, Fold, Folder, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = [f"word{chr(97 + number // 26)}{chr(97 + number % 26)}".replace("word", "w") for number in range(300)]
LONG = " ".join(WORDS[:100])


def fold(hits: Sequence[tuple[Text, int]]) -> list[Fold[int]]:
    folder = Folder[int]()
    for text, hit in hits:
        folder.add(text, hit)
    return folder.folds


def folded(*texts: str | Text) -> list[list[int]]:
    """By number, which hits became one; each text is of a document of its own where it does not say."""
    made = [each if isinstance(each, Text) else Text(number, "", each) for number, each in enumerate(texts)]
    return [[each.best, *each.duplicates] for each in fold([(text, at) for at, text in enumerate(made)])]


def changed(text: str, *, every: int) -> str:
    """A text of which each so many-th word is another one."""
    return " ".join(
        f"x{word}" if at % every == every - 1 else word for at, word in enumerate(text.split(" "))
    )


@pytest.mark.parametrize("other", ["Run the installer.", "run  the\n installer", "RUN the installer!"])
def test_equal_texts_of_different_documents_are_one_hit(other: str) -> None:
    assert folded("Run the installer.", "Something else.", other) == [[0, 2], [1]]


def test_pieces_of_one_document_are_different_places() -> None:
    assert folded(Text("a", "", LONG), Text("a", "", LONG), Text("b", "", LONG)) == [[0, 2], [1]]


def test_a_hit_takes_each_document_once() -> None:
    twice = [Text("b", "", LONG), Text("b", "", LONG)]
    assert folded(Text("a", "", LONG), *twice) == [[0, 1], [2]]


def test_nearly_equal_texts_are_one_hit_and_others_are_not() -> None:
    assert folded(LONG, changed(LONG, every=24)) == [[0, 1]]
    assert folded(LONG, LONG + " and one more sentence that says a little") == [[0, 1]]
    assert folded(LONG, changed(LONG, every=12)) == [[0], [1]]
    assert folded(LONG, " ".join(WORDS[50:150])) == [[0], [1]]


@pytest.mark.parametrize(
    ("one", "another"), [("takes 10 seconds", "takes 20 seconds"), ("is supported", "is not supported")]
)
def test_a_figure_or_a_negation_makes_another_statement(one: str, another: str) -> None:
    assert folded(f"{LONG} {one}", f"{LONG} {another}") == [[0], [1]]


def test_a_short_text_is_about_what_its_heading_says() -> None:
    assert folded(Text(1, "Alpha", "Returns None."), Text(2, "Beta", "Returns None.")) == [[0], [1]]
    assert folded(Text(1, "Alpha", "Returns None."), Text(2, "alpha", "returns none")) == [[0, 1]]


def test_texts_without_words_are_equal_to_themselves_alone() -> None:
    assert folded("+++", "---", "+++") == [[0, 2], [1]]


def test_more_hits_change_nothing_about_the_first_ones() -> None:
    texts = [LONG, changed(LONG, every=60), "Other.", changed(LONG, every=12), LONG, "other"]
    bests = [[each[0] for each in folded(*texts[:count])] for count in range(len(texts) + 1)]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in pairwise(bests))


def test_duplicates_that_are_named_have_a_bound() -> None:
    [one] = fold([(Text(number, "", LONG), number) for number in range(200)])
    assert one.duplicates == list(range(1, MOST + 1))


@given(st.lists(st.tuples(st.integers(0, 3), st.text("ab 1", max_size=60)), max_size=30))
def test_every_hit_is_told_once_and_the_best_ones_stay_in_order(hits: Sequence[tuple[int, str]]) -> None:
    folds = fold([(Text(document, "", text), at) for at, (document, text) in enumerate(hits)])
    told = [at for each in folds for at in (each.best, *each.duplicates)]
    assert sorted(told) == list(range(len(hits)))
    assert [each.best for each in folds] == sorted(each.best for each in folds)
    for each in folds:
        documents = [hits[at][0] for at in (each.best, *each.duplicates)]
        assert len(set(documents)) == len(documents)


def seconds(texts: Sequence[Text]) -> float:
    started = process_time()
    fold([(text, number) for number, text in enumerate(texts)])
    return process_time() - started


@pytest.mark.parametrize("kind", ["figures", "one document", "unlike"])
def test_a_crowd_that_is_alike_but_not_folded_costs_no_more_than_any_other(kind: str) -> None:
    def crowd(size: int) -> list[Text]:
        if kind == "figures":
            return [Text(number, "", f"{LONG} {number}") for number in range(size)]
        if kind == "one document":
            return [Text("one", "", f"{LONG} w{chr(97 + number % 26)}") for number in range(size)]
        return [Text(number, "", changed(LONG, every=4 + number % 8)) for number in range(size)]

    # Eight times as many would take 64 times as long if each were compared with all before it.
    small, large = min(seconds(crowd(250)) for _ in range(3)), seconds(crowd(2_000))
    assert large < 24 * small + 0.05
