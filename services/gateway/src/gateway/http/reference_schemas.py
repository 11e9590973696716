"""Schemas on the reference page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LIMITS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} fields",
    "pattern": "like {}",
}


_OPTIONAL: Final = ' <span class="dim">optional</span>'


def section(api: Mapping[str, Any]) -> str:
    """All schemas, each with an anchor."""
    parts = [_schema(name, schema) for name, schema in sorted(api["components"]["schemas"].items())]
    return f'<section><h2 id="schemas">Schemas</h2>{"".join(parts)}</section>'


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def kind(schema: Mapping[str, Any]) -> str:
    """The type of something in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(kind(choice) for choice in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        words = schema.get("enum", [schema.get("const")])
        return " | ".join(f"<code>{escape(str(word))}</code>" for word in words) + _rest(schema)
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}{_rest(schema)}"
    name = str(schema.get("type", "anything"))
    return escape(name + (f" ({schema['format']})" if "format" in schema else "")) + _rest(schema)


def _rest(schema: Mapping[str, Any]) -> str:
    parts = [text.format(schema[name]) for name, text in _LIMITS.items() if name in schema]
    if schema.get("default") not in (None, [], {}):
        parts.append(f"default {schema['default']}")
    return f' <span class="dim">{escape(", ".join(parts))}</span>' if parts else ""


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(field)}</code>" + ("" if field in required else _OPTIONAL),
            kind(inner),
            escape(inner.get("description", "")),
        )
        for field, inner in schema.get("properties", {}).items()
    ]
    text = f"<p>{escape(schema.get('description', ''))}</p>"
    shown = table("Fields", ("name", "type", "meaning"), rows) if rows else f"<p>{kind(schema)}</p>"
    return f'<article><h3 id="schema-{escape(name)}">{escape(name)}</h3>{text}{shown}</article>'
