"""The reference page at ``/docs``: the OpenAPI description as one page of HTML, without any script.

It is written once, at the start. A viewer from elsewhere would bring a megabyte of script and the right to run it;
this page loads nothing at all, so that it works offline and its policy can forbid everything but its own style.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any, Final

from gateway.http import reference_schemas as schemas

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STYLE: Final = """
:root{color-scheme:light dark;--line:#d5d9de;--soft:#f3f5f7;--ink:#1b1f24;--dim:#49525c;--back:#fff;--link:#0a55b8}
@media (prefers-color-scheme:dark){:root{--line:#3a4149;--soft:#21262b;--ink:#e6e9ec;--dim:#aab3bc;--back:#14171a;--link:#8ab8ff}}
*{box-sizing:border-box}html{scroll-padding-top:1rem}
body{font:16px/1.55 system-ui,sans-serif;margin:0;color:var(--ink);background:var(--back)}a{color:var(--link)}
.skip{position:absolute;left:-999rem}.skip:focus{left:1rem;top:1rem;background:var(--back);padding:.5rem}
header,main{padding:1rem 1.5rem;max-width:62rem}nav{padding:1rem 1.5rem;font-size:.9rem}
nav ul{list-style:none;margin:0 0 1rem;padding:0}nav a{text-decoration:none;display:inline-block;padding:.1rem 0}
h1{margin:0}h2{border-top:1px solid var(--line);padding-top:1.5rem;margin-top:2.5rem}h3{margin:2.2rem 0 .3rem;font-size:1.05rem}
h4{margin:1rem 0 .3rem;font-size:.95rem}p{margin:.3rem 0 .6rem}
code,pre{font:.86em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem;overflow:auto;max-height:30rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}caption{text-align:left;font-weight:600;padding:.8rem 0 .3rem}
th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--dim)}
.path{overflow-wrap:anywhere}.verb{display:inline-block;min-width:4.2rem;font-weight:700}.who,.dim{color:var(--dim)}
summary{cursor:pointer;padding:.25rem 0}summary:hover{color:var(--link)}:focus-visible{outline:2px solid var(--link);outline-offset:2px}
@media (min-width:75rem){body{display:grid;grid-template-columns:19rem 1fr;grid-template-rows:auto 1fr}header{grid-column:2}
nav{grid-row:1/3;position:sticky;top:0;height:100vh;overflow:auto;border-right:1px solid var(--line)}main{grid-column:2}}
"""
#: Nothing may be loaded, and no style but this one is applied (CSP Level 3, section 8.3).
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(api: Mapping[str, Any]) -> str:
    """The whole page."""
    info = api["info"]
    title = f"{escape(info['title'])} API"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style>{_STYLE}</style></head><body><a class="skip" href="#operations">To the operations</a>'
        f"{_navigation(api)}"
        f'<header><h1>{title} <span class="dim">{escape(info["version"])}</span></h1>'
        f"<p>{_prose(info['description'])}</p>"
        '<p><a href="/v1/openapi.json">OpenAPI 3.1 document</a> · <a href="/">Status</a></p></header>'
        f'<main id="operations">{_security(api)}{"".join(_tags(api))}{schemas.section(api)}</main></body></html>'
    )


def _operations(api: Mapping[str, Any], tag: str) -> Iterable[tuple[str, str, dict[str, Any]]]:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield method.upper(), path, operation


def _navigation(api: Mapping[str, Any]) -> str:
    parts = []
    for tag in api["tags"]:
        rows = "".join(
            f'<li><a href="#{operation["operationId"]}">{escape(operation["summary"])}</a></li>'
            for _, _, operation in _operations(api, tag["name"])
        )
        anchor = _anchor(tag["name"])
        parts.append(f'<strong><a href="#{anchor}">{escape(tag["name"])}</a></strong><ul>{rows}</ul>')
    return f'<nav aria-label="Operations">{"".join(parts)}<a href="#schemas">Schemas</a></nav>'


def _security(api: Mapping[str, Any]) -> str:
    rows = [
        (f"<code>{escape(name)}</code>", escape(scheme["type"]), _prose(scheme["description"]))
        for name, scheme in api["components"]["securitySchemes"].items()
    ]
    return "<h2>Signing in</h2>" + schemas.table("Either of these", ("name", "kind", "meaning"), rows)


def _tags(api: Mapping[str, Any]) -> Iterable[str]:
    for tag in api["tags"]:
        yield f'<section><h2 id="{_anchor(tag["name"])}">{escape(tag["name"])}</h2><p>{_prose(tag["description"])}</p>'
        for method, path, operation in _operations(api, tag["name"]):
            yield _operation(method, path, operation)
        yield "</section>"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    name = operation["operationId"]
    who = operation.get("description", "Without signing in." if operation.get("security") == [] else "")
    return (
        f'<article><h3 id="{name}"><a href="#{name}">{escape(operation["summary"])}</a></h3>'
        f'<p class="path"><code><span class="verb">{method}</span> {escape(path)}</code>'
        f' <span class="who">{escape(who)}</span></p>'
        f"{_parameters(operation['parameters'])}{_request(operation)}{_answers(operation)}"
        f"<details><summary>Try it</summary>{_code(operation['x-codeSamples'][0]['source'])}</details></article>"
    )


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"<code>{escape(parameter['name'])}</code>",
            escape(parameter["in"] + (", required" if parameter["required"] else "")),
            schemas.kind(parameter["schema"]),
            _prose(parameter.get("description", "")),
        )
        for parameter in parameters
    ]
    return schemas.table("Parameters", ("name", "in", "type", "meaning"), rows) if rows else ""


def _request(operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody")
    if body is None:
        return ""
    need = "required" if body["required"] else "may be left out"
    return f"<h4>Body <span class='dim'>({need})</span></h4>" + "".join(
        f"<p><code>{escape(media)}</code> {schemas.kind(content['schema'])}</p>{_example(content)}"
        for media, content in body["content"].items()
    )


def _answers(operation: Mapping[str, Any]) -> str:
    rows, shown = [], ""
    for status, answer in operation["responses"].items():
        kinds = [
            f"<code>{escape(media)}</code> {schemas.kind(content['schema'])}"
            for media, content in answer.get("content", {}).items()
        ]
        rows.append((f"<code>{status}</code>", "<br>".join(kinds) or "empty", _prose(answer["description"])))
        if status.startswith("2"):
            shown += "".join(_example(content) for content in answer.get("content", {}).values())
    return schemas.table("Answers", ("status", "type", "meaning"), rows) + shown


def _example(content: Mapping[str, Any]) -> str:
    if "example" not in content:
        return ""
    value = content["example"]
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f"<details><summary>Example</summary>{_code(text)}</details>"


def _code(text: str) -> str:
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _anchor(tag: str) -> str:
    return "tag-" + tag.lower()
