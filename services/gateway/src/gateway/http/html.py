"""A little HTML, in which every text is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem 1.5rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d5d9de;vertical-align:top}
th{font-weight:600;background:#f3f5f7}.up{color:#0a6b2d}.degraded{color:#7a4d00}.down{color:#a40e26}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.8rem}
dt{color:#49525c}dd{margin:0;font-size:1.4rem;font-weight:600}code{font-size:.9em}
@media (prefers-color-scheme:dark){body{color:#e6e9ec;background:#14171a}th{background:#21262b}th,td{border-color:#3a4149}
dt{color:#aab3bc}.up{color:#5fd38a}.degraded{color:#f0b849}.down{color:#ff8b98}a{color:#8ab8ff}}
"""


def document(title: str, sections: Iterable[str], *, refresh_seconds: int) -> str:
    """A whole page that reloads itself."""
    name = escape(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{refresh_seconds}"><style>{_STYLE}</style></head>'
        f"<body><h1>{name}</h1><main>{''.join(sections)}</main></body></html>"
    )


def section(heading: str, *parts: str) -> str:
    """A heading with what belongs to it."""
    return f"<section><h2>{escape(heading)}</h2>{''.join(parts)}</section>"


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f"<p>{escape(text)}</p>"


def links(targets: Sequence[tuple[str, str]]) -> str:
    """A row of links: text and address."""
    return "<p>" + " · ".join(f'<a href="{escape(to)}">{escape(text)}</a>' for text, to in targets) + "</p>"


def figures(values: Sequence[tuple[str, object]]) -> str:
    """Names with their figures."""
    return (
        "<dl>" + "".join(f"<div><dt>{escape(k)}</dt><dd>{_text(v)}</dd></div>" for k, v in values) + "</dl>"
    )


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> str:
    """A table, or a sentence where there is no row. A cell that is up, degraded or down has its colour."""
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    if not body:
        return paragraph(empty)
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    return (
        f'<table aria-label="{escape(caption)}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _cell(value: object) -> str:
    text = _text(value)
    status = f' class="{text}"' if text in ("up", "degraded", "down") else ""
    return f"<td{status}>{text}</td>"


def _text(value: object) -> str:
    return "" if value is None else escape(str(value))
