from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.clock import new_id
from shared.content import chunk_hash, clean_text, content_hash, embedded_text
from shared.ids import chunk_id, document_id, version_id

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT)
def test_clean_text_can_be_stored_anywhere(text: str) -> None:
    cleaned = clean_text(text)
    assert "\x00" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert clean_text(cleaned) == cleaned


def test_what_is_embedded_begins_with_the_headings() -> None:
    assert embedded_text(("Guide", "Setup"), "text") == "Guide > Setup\n\ntext"
    assert embedded_text((), "text") == "text"


def test_ids_follow_from_what_they_identify() -> None:
    source, document = UUID(int=1), UUID(int=2)
    assert document_id(source, "a") == document_id(source, "a") != document_id(source, "b")
    assert chunk_id(document, "h", 0) != chunk_id(document, "h", 1)
    assert version_id(document, 1) != version_id(document, 2)
    assert chunk_hash(("a",), "b") != chunk_hash((), "a\n\nb " + "b")
    assert content_hash("t", "m") != content_hash("tm", "")


def test_new_ids_grow_with_time_and_say_which_version_they_are() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {each.version for each in ids} == {7}
    assert [i.int >> 80 for i in ids] == sorted(i.int >> 80 for i in ids)
