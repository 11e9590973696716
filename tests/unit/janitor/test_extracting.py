from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.core.extracting import SENTENCES_AT_MOST, extract
from janitor.core.plain_text import MOST_CHARACTERS, paragraphs, sentences

KETTLE = """\
# The kettle

The kettle boils water for tea. It holds **one litre** of water, see [the manual](https://x.test/(a)/manual "m").

```python
print("The kettle boils code for tea.")
```

| Part | Price |
|------|-------|
| Lid  | 3 EUR |

- The lid of the kettle closes with a click.
- Limescale in the kettle makes boiling water slower.
1. Vinegar removes limescale from the kettle.

> Dr. Brewer, e.g. in his book, says that the kettle must cool first.

    indented code of the kettle

A cat sat on the mat and watched the rain outside.
"""


def test_running_text_is_what_people_wrote_as_sentences() -> None:
    assert sentences(KETTLE) == [
        "The kettle boils water for tea.",
        "It holds one litre of water, see the manual.",
        "The lid of the kettle closes with a click.",
        "Limescale in the kettle makes boiling water slower.",
        "Vinegar removes limescale from the kettle.",
        "Dr. Brewer, e.g. in his book, says that the kettle must cool first.",
        "A cat sat on the mat and watched the rain outside.",
    ]


def test_scripts_without_spaces_have_sentences_too() -> None:
    text = "這個水壺可以裝一公升的水，用來燒開水泡茶非常方便而且安全。使用醋可以清除水壺裡面的水垢，請先等待水壺完全冷卻下來。"  # noqa: RUF001  (full-width)
    assert len(sentences(text)) == 2


def test_the_summary_is_what_most_of_the_text_is_about_in_its_order() -> None:
    summary = extract(KETTLE, wanted=3)
    assert "kettle" in summary
    assert "cat" not in summary
    found = sentences(KETTLE)
    chosen = [sentence for sentence in found if sentence in summary]
    assert len(chosen) == 3
    assert summary == " ".join(chosen)


def test_what_says_the_same_again_is_left_out() -> None:
    same = "The pump must be cleaned with water every week."
    text = "\n\n".join(
        [same, same.replace("every week", "each week"), "A filter keeps sand out of the old pump."]
    )
    summary = extract(text, wanted=2)
    assert summary.count("must be cleaned") == 1
    assert "filter" in summary


@pytest.mark.parametrize(
    ("text", "summary"), [("", ""), ("# Only a heading", ""), ("Two words", "Two words")]
)
def test_a_text_without_sentences_gives_its_beginning(text: str, summary: str) -> None:
    assert extract(text, wanted=3) == summary


def test_a_long_document_is_looked_at_from_one_end_to_the_other() -> None:
    text = "\n\n".join(f"Sentence number {n} tells about topic {n % 7} of the manual." for n in range(5000))
    numbers = [int(word) for word in extract(text, wanted=20).split() if word.isdigit() and int(word) > 6]
    assert len(sentences(text)) > SENTENCES_AT_MOST
    assert numbers == sorted(numbers)


@given(st.text(max_size=2000), st.integers(1, 5))
def test_any_text_has_a_summary_no_longer_than_its_sentences(text: str, wanted: int) -> None:
    assert len(extract(text, wanted=wanted)) <= wanted * (MOST_CHARACTERS + 1)


@given(st.text(alphabet="[]()!*_`#>|-. \nabA", max_size=400))
def test_markup_of_any_kind_is_read_in_linear_time(text: str) -> None:
    assert all(paragraph.strip() for paragraph in paragraphs(text * 20))
