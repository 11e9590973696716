"""Sites with known content, the same on every :class:`~support.sites.TestSite` that they are put on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from support.sites import TestSite

WORDS: Final = [
    "amber",
    "basalt",
    "cedar",
    "dolphin",
    "ember",
    "falcon",
    "granite",
    "hazel",
    "indigo",
    "juniper",
    "kestrel",
    "lantern",
]


def page(title: str, *sections: tuple[str, str], links: tuple[str, ...] = ()) -> str:
    """A page with a heading, sections of (heading, sentence), and links at its end."""
    parts = "".join(f"<h2>{heading}</h2><p>{text}</p>" for heading, text in sections)
    anchors = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return (
        f'<!DOCTYPE html><html lang="en"><head><title>{title}</title></head><body><main><h1>{title}</h1>'
        f"{parts}</main><nav><ul>{anchors}</ul></nav></body></html>"
    )


def manual(site: TestSite) -> None:
    """A small manual: three pages that link to each other, and one that only the sitemap knows."""
    site.page(
        "/",
        page(
            "Kettle manual",
            ("Overview", "The copper kettle boils one litre of water in four minutes."),
            links=("/care.html", "/parts.html#lid"),
        ),
    )
    site.page(
        "/care.html",
        page(
            "Care",
            ("Descaling", "Citric acid removes the limescale from the spout of the kettle."),
            ("Storage", "Keep the kettle dry over the winter."),
            links=("/", "/parts.html"),
        ),
    )
    site.page(
        "/parts.html",
        page("Parts", ("Lid", "The lid closes with a walnut knob."), links=("/care.html",)),
    )
    site.page(
        "/warranty.html", page("Warranty", ("Terms", "The warranty covers a cracked enamel for two years."))
    )
    site.sitemap([site.url("/"), site.url("/warranty.html")])


def wide(site: TestSite, pages: int) -> list[str]:
    """A start page that links to ``pages`` others, each of several chunks; their paths."""
    paths = [f"/leaf-{number}.html" for number in range(pages)]
    site.page("/", page("Catalogue", ("Contents", "All articles of the catalogue."), links=tuple(paths)))
    for number, path in enumerate(paths):
        site.page(path, page(f"Article {number}", *_sections(number)))
    return paths


def _sections(number: int) -> list[tuple[str, str]]:
    words = [WORDS[(number + step) % len(WORDS)] for step in range(4)]
    return [(f"{word} of article {number}", f"The {word} weighs {number + 1} grams. " * 12) for word in words]
