"""Writes ``docs/search-quality.md``. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from search_quality.figures import DEPTH, NEAR, figures
from shared.vectors.port import SearchMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from search_quality.figures import Figures


@dataclass(frozen=True, slots=True)
class Way:
    """How questions were asked: the mode, and of hybrid searches the share of the vector."""

    mode: SearchMode
    alpha: float | None = None

    def __str__(self) -> str:
        return self.mode if self.alpha is None else f"{self.mode} {self.alpha:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of asking everything in every way.

    Attributes:
        origins: of the manuals, by name.
        pages: of each manual.
        chunks: of all manuals.
        questions: of each manual.
        places: of the answers, by way and manual.
        versions: of what was measured.
        default: the share that a search has when nobody says.
    """

    origins: Mapping[str, str]
    pages: Mapping[str, int]
    chunks: int
    questions: Mapping[str, Sequence[str]]
    places: Mapping[Way, Mapping[str, Sequence[int | None]]]
    versions: Mapping[str, str]
    default: float

    def of(self, way: Way, name: str | None = None) -> Figures:
        """The figures of one manual, or of all questions."""
        found = self.places[way]
        chosen = found.values() if name is None else (found[name],)
        return figures([place for places in chosen for place in places])


_KEYWORD: Final = Way(SearchMode.KEYWORD)
_VECTOR: Final = Way(SearchMode.VECTOR)

_HEAD: Final = """# Search quality

Written by `make search-quality`: questions as people ask them, over manuals that people read. The questions and the pages that
answer them were written before anything was measured, and none was changed after it (`tests/search_quality/questions/`).

Pages go through Quern's own parsers, chunker and embedder into a real Weaviate, all manuals into one tenant; the gateway's own search
answers, folding included. recall@{near}: the share of questions with an answering page among the first {near} hits. MRR: the mean of
1 / the place of the first hit of an answering page, 0 where the first {depth} have none. A hit is a chunk: two of one page take two
places.
"""


def page(asked: Asked) -> str:
    """The whole page, as Markdown."""
    return "\n".join(_lines(asked))


def holds(asked: Asked) -> list[str]:
    """What the default does not keep of what is demanded of it, in words: nothing where all is well."""
    hybrid = Way(SearchMode.HYBRID, asked.default)
    mine = asked.of(hybrid)
    broken = []
    for other in (_KEYWORD, _VECTOR):
        figure = asked.of(other)
        if mine.recall < figure.recall:
            broken.append(f"recall of {hybrid} is {mine.recall:.2f}, of {other} {figure.recall:.2f}")
        if mine.mrr <= figure.mrr:
            broken.append(f"MRR of {hybrid} is {mine.mrr:.3f}, of {other} {figure.mrr:.3f}")
    return broken


def table(asked: Asked) -> Iterator[str]:
    """The figures of all ways, as Markdown."""
    names = list(asked.origins)
    yield _row("mode", *(f"{name}: recall@{NEAR} / MRR" for name in names), f"all: recall@{NEAR} / MRR")
    yield "|---|" + "--:|" * (len(names) + 1)
    for way in asked.places:
        figures_of = [asked.of(way, name) for name in names] + [asked.of(way)]
        shown = [f"{each.recall:.2f} / {each.mrr:.3f}" for each in figures_of]
        if way == Way(SearchMode.HYBRID, asked.default):
            yield _row(f"**{way}** (default)", *(f"**{each}**" for each in shown))
        else:
            yield _row(str(way), *shown)


def _lines(asked: Asked) -> Iterator[str]:
    yield _HEAD.format(near=NEAR, depth=DEPTH)
    yield _row("manual", "from", "pages", "questions")
    yield "|---|---|--:|--:|"
    for name, origin in asked.origins.items():
        yield _row(name, origin, f"{asked.pages[name]:,}", len(asked.questions[name]))
    versions = ", ".join(f"{name} {version}" for name, version in asked.versions.items())
    yield f"\n{asked.chunks:,} chunks. {versions}.\n\n## Figures\n"
    yield from table(asked)
    yield from _demands(asked)
    yield from _misses(asked)


def _demands(asked: Asked) -> Iterator[str]:
    yield "\n## What is demanded\n"
    yield (
        "A hybrid search with the default share is not worse than the others in recall, and better in MRR "
        "(`make search-quality` fails otherwise):"
    )
    broken = holds(asked)
    yield "\n".join(f"- not so: {each}" for each in broken) if broken else "it is so."
    yield "\nThe share that would be chosen by one manual alone (best MRR), and what the other one says to it:\n"
    yield _row("chosen by", "share", *(f"{name}: recall@{NEAR} / MRR" for name in asked.origins))
    yield "|---|--:|" + "--:|" * len(asked.origins)
    hybrid = [way for way in asked.places if way.mode is SearchMode.HYBRID]
    for name in asked.origins:
        chosen = max(hybrid, key=lambda way: asked.of(way, name).mrr)
        shown = [asked.of(chosen, each) for each in asked.origins]
        yield _row(name, f"{chosen.alpha:.2f}", *(f"{each.recall:.2f} / {each.mrr:.3f}" for each in shown))


def _misses(asked: Asked) -> Iterator[str]:
    yield "\n## Where the answers stand\n"
    yield f"The place of the first answering page; a dash where the first {DEPTH} hits have none.\n"
    ways = [_KEYWORD, _VECTOR, Way(SearchMode.HYBRID, asked.default)]
    yield _row("question", *ways)
    yield "|---|" + "--:|" * len(ways)
    for name, questions in asked.questions.items():
        for number, question in enumerate(questions):
            shown = (asked.places[way][name][number] for way in ways)
            yield _row(question.replace("*", "\\*"), *(place or "–" for place in shown))
    yield ""


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def ways(alphas: Iterable[float]) -> list[Way]:
    """Every way to ask."""
    return [_KEYWORD, _VECTOR, *(Way(SearchMode.HYBRID, alpha) for alpha in alphas)]
