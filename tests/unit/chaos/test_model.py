"""The judge of all searches can tell wrong from right."""

from __future__ import annotations

from typing import Any

import pytest

from chaos import texts
from chaos.model import Served

DOCUMENT = texts.document_marker(1, "a.md")
VERSIONS = {revision: texts.version_marker(1, "a.md", revision) for revision in (1, 2, 3)}
SOURCE = "source-1"


def hit(*words: str, source_id: str = SOURCE) -> dict[str, Any]:
    return {"chunk_id": "c", "source_id": source_id, "text": f"the {' '.join(words)} of the lantern"}


@pytest.fixture
def served() -> Served:
    served = Served()
    for revision in (1, 2):
        served.give(DOCUMENT, "a.md", VERSIONS[revision], revision, at=float(revision))
    return served


def wrong(served: Served, *hits: dict[str, Any], began: float, ended: float | None = None) -> list[str]:
    return served.wrong(hits, began=began, ended=began if ended is None else ended)


def test_either_version_may_be_shown_while_one_replaces_the_other(served: Served) -> None:
    assert wrong(served, hit(DOCUMENT, VERSIONS[1]), hit(DOCUMENT), began=3) == []
    assert wrong(served, hit(DOCUMENT, VERSIONS[2]), began=4) == []


def test_two_versions_at_once_are_wrong(served: Served) -> None:
    found = wrong(served, hit(DOCUMENT, VERSIONS[1]), hit(DOCUMENT, VERSIONS[2]), began=3)
    assert "at several versions at once" in found[0]


def test_an_old_version_is_wrong_once_a_newer_one_was_seen(served: Served) -> None:
    assert wrong(served, hit(DOCUMENT, VERSIONS[2]), began=3, ended=4) == []
    assert wrong(served, hit(DOCUMENT, VERSIONS[1]), began=3.5, ended=5) == [], "it had begun before"
    assert "at the old version 1" in wrong(served, hit(DOCUMENT, VERSIONS[1]), began=5)[0]


def test_an_old_version_is_wrong_once_a_newer_one_is_known_to_be_active(served: Served) -> None:
    served.confirm(DOCUMENT, 2, at=4)
    assert served.documents[DOCUMENT].served_since == 4
    assert "at the old version 1" in wrong(served, hit(DOCUMENT, VERSIONS[1]), began=5)[0]


def test_nothing_of_a_deleted_source_may_be_shown(served: Served) -> None:
    served.deleted(SOURCE, at=4)
    assert wrong(served, hit(DOCUMENT, VERSIONS[2]), began=3) == []
    assert "that source is deleted" in wrong(served, hit(DOCUMENT, VERSIONS[2]), began=5)[0]
    again = hit(DOCUMENT, VERSIONS[3], source_id="source-2")
    served.give(DOCUMENT, "a.md", VERSIONS[3], 3, at=6)
    assert wrong(served, again, began=7) == []


def test_nothing_of_a_document_that_is_gone_may_be_shown(served: Served) -> None:
    served.gone(DOCUMENT, at=4)
    assert "which is gone" in wrong(served, hit(DOCUMENT), began=5)[0]
    assert "at the old version 2" in wrong(served, hit(DOCUMENT, VERSIONS[2]), began=5)[-1]


def test_what_belongs_to_nobody_here_may_never_be_shown(served: Served) -> None:
    stranger = texts.document_marker(1, "theirs")
    assert "belongs to nobody here" in wrong(served, hit(stranger), began=5)[0]
    assert "whose version nobody gave" in wrong(served, hit(DOCUMENT, VERSIONS[3]), began=5)[0]
