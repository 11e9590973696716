"""What a search may show at which moment, as far as somebody outside can know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from chaos.texts import DOCUMENT, MARKER

if TYPE_CHECKING:
    from collections.abc import Sequence

NEVER: Final = float("inf")


@dataclass
class Document:
    """One document as its user sees it.

    Attributes:
        name: for people.
        revisions: of each version's marker.
        given_at: when a version was first handed over.
        over_at: since when a version must not be shown any more.
        served_since: since when some version must be found; never if it need not.
        gone_at: since when nothing of it may be shown.
    """

    name: str
    revisions: dict[str, int] = field(default_factory=dict)
    given_at: dict[str, float] = field(default_factory=dict)
    over_at: dict[str, float] = field(default_factory=dict)
    served_since: float = NEVER
    gone_at: float = NEVER

    def is_over(self, version: str, began: float) -> bool:
        """Whether a search that began then must not show the version."""
        return self.over_at.get(version, NEVER) < began

    def pass_over(self, revision: int, at: float) -> None:
        """All versions below this one are a matter of the past."""
        for version, number in self.revisions.items():
            if number < revision:
                self.over_at.setdefault(version, at)


class Served:
    """All documents, and the judgement on what a search has found."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self._of_version: dict[str, Document] = {}
        self._deleted_sources: dict[str, float] = {}

    # What happens to documents

    def give(self, document: str, name: str, version: str, revision: int, *, at: float) -> None:
        """A version is handed over, or put where a crawl will find it: from now on it may be shown."""
        known = self.documents.setdefault(document, Document(name))
        known.revisions[version] = revision
        known.given_at.setdefault(version, at)
        known.gone_at = NEVER
        self._of_version[version] = known

    def confirm(self, document: str, revision: int, *, at: float) -> None:
        """A version has been activated: it must be found, and none before it."""
        known = self.documents[document]
        known.pass_over(revision, at)
        known.served_since = min(known.served_since, at)

    def doubt(self, document: str) -> None:
        """It may go away from now on."""
        if document in self.documents:
            self.documents[document].served_since = NEVER

    def gone(self, document: str, *, at: float) -> None:
        """Nothing of it may be shown to whoever asks from now on."""
        if (known := self.documents.get(document)) is not None:
            known.served_since = NEVER
            known.gone_at = min(known.gone_at, at)
            known.pass_over(max(known.revisions.values()) + 1, at)

    def deleted(self, source_id: str, *, at: float) -> None:
        """A source has been deleted."""
        self._deleted_sources.setdefault(source_id, at)

    # What a search may show

    def wrong(self, hits: Sequence[dict[str, Any]], *, began: float, ended: float) -> list[str]:
        """What is wrong about the hits of a search, and what they teach."""
        found = [problem for hit in hits for problem in self._wrong_hit(hit, began)]
        for document, versions in _versions(hits).items():
            known = self.documents.get(document)
            if known is None:
                continue
            if len(versions) > 1:
                found.append(f"{known.name} is shown at several versions at once: {sorted(versions)}")
            for version in versions & known.revisions.keys():
                known.pass_over(known.revisions[version], ended)
        return found

    def _wrong_hit(self, hit: dict[str, Any], began: float) -> list[str]:
        source_id = hit["source_id"]
        where = f"chunk {hit['chunk_id']} of source {source_id}"
        if self._deleted_sources.get(source_id, NEVER) < began:
            return [f"{where} is shown, although that source is deleted"]
        problems = []
        for word in MARKER.findall(hit["text"]):
            if word.startswith(DOCUMENT):
                known = self.documents.get(word)
                if known is None:
                    problems.append(f"{where} is shown, which belongs to nobody here: {word}")
                elif known.gone_at < began:
                    problems.append(f"{where} of {known.name} is shown, which is gone")
            elif (of := self._of_version.get(word)) is None:
                problems.append(f"{where} is shown, whose version nobody gave: {word}")
            elif of.is_over(word, began):
                problems.append(f"{where} of {of.name} is shown, at the old version {of.revisions[word]}")
        return problems


def _versions(hits: Sequence[dict[str, Any]]) -> dict[str, set[str]]:
    """The version markers of the hits by their document marker."""
    found: dict[str, set[str]] = {}
    for hit in hits:
        words = set(MARKER.findall(hit["text"]))
        for document in {word for word in words if word.startswith(DOCUMENT)}:
            found.setdefault(document, set()).update(word for word in words if not word.startswith(DOCUMENT))
    return found
