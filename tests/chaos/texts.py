"""What is written in the documents: words that tell, of every chunk that is found, which version it belongs to."""

from __future__ import annotations

import csv
import hashlib
import io
import random
import re
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Final

from support import site_fixtures

if TYPE_CHECKING:
    from collections.abc import Iterable

MARKER: Final = re.compile(r"\bq[dv][a-z]{12}\b")
DOCUMENT: Final = "qd"
VERSION: Final = "qv"
CHUNKS: Final = range(2, 5)
WORDS: Final = [
    *site_fixtures.WORDS,
    "meadow",
    "nectar",
    "olive",
    "pebble",
    "quarry",
    "raven",
    "saffron",
    "timber",
    "umber",
    "velvet",
    "willow",
    "yarrow",
    "zephyr",
    "anchor",
    "bridge",
    "copper",
    "dune",
    "engine",
    "fiddle",
    "garden",
    "harbour",
    "island",
    "jacket",
    "kettle",
    "ladder",
    "mirror",
    "needle",
    "orchard",
    "pillow",
    "ribbon",
    "saddle",
    "tunnel",
]


def marker(kind: str, *parts: object) -> str:
    """A word that stands nowhere else; of letters alone, so that every tokeniser leaves it whole."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return kind + "".join(chr(ord("a") + byte % 26) for byte in digest[:12])


@dataclass(frozen=True, slots=True)
class Text:
    """One version of a document.

    Attributes:
        title: the same in all versions.
        document: the marker that all its chunks carry, in all versions.
        version: the marker that its chunks carry, but for those that stay the same in all versions.
        sections: headings, and what stands below them.
    """

    title: str
    document: str
    version: str
    sections: tuple[tuple[str, str], ...]


@cache
def document_marker(seed: int, name: str) -> str:
    """The marker of a document."""
    return marker(DOCUMENT, seed, name)


@cache
def version_marker(seed: int, name: str, revision: int) -> str:
    """The marker of one version of a document."""
    return marker(VERSION, seed, name, revision)


def text(seed: int, name: str, revision: int) -> Text:
    """The content of a document at a revision; its first section never changes."""
    own, version = document_marker(seed, name), version_marker(seed, name, revision)
    dice = random.Random(f"{seed} {name}")
    count = dice.choice(CHUNKS)
    sections = [(f"About {dice.choice(WORDS)}", f"{own} {_sentence(dice)}")]
    for _ in range(1, count):
        changing = random.Random(f"{seed} {name} {revision} {dice.random()}")
        sections.append((f"On {dice.choice(WORDS)}", f"{own} {version} {_sentence(changing)}"))
    return Text(f"Sheet {name}", own, version, tuple(sections))


def _sentence(dice: random.Random) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(20, 40))) + "."


def page(of: Text, links: Iterable[str] = ()) -> str:
    """As a page of a web site."""
    parts = "".join(f"<h2>{heading}</h2><p>{body}</p>" for heading, body in of.sections)
    anchors = "".join(f'<li><a href="{escape(link)}">{escape(link)}</a></li>' for link in links)
    return (
        f'<!DOCTYPE html><html lang="en"><head><title>{of.title}</title></head><body><main><h1>{of.title}</h1>'
        f"{parts}</main><nav><ul>{anchors}</ul></nav></body></html>"
    )


def file(of: Text, suffix: str) -> bytes:
    """As a file of the type that its suffix says."""
    if suffix == "html":
        return page(of).encode()
    if suffix == "md":
        sections = "\n\n".join(f"## {heading}\n\n{body}" for heading, body in of.sections)
        return f"# {of.title}\n\n{sections}\n".encode()
    if suffix == "csv":
        out = io.StringIO()
        rows = [["topic", "text"], *([heading, body] for heading, body in of.sections)]
        csv.writer(out).writerows(rows)
        return out.getvalue().encode()
    return "\n\n".join(body for _, body in of.sections).encode() + b"\n"


def damaged_pdf(name: str) -> bytes:
    """What begins like a PDF and is none; another one for each name."""
    return b"%PDF-1.7\n" + hashlib.sha256(name.encode()).hexdigest().encode() * 20
