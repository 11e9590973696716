from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from gateway.http import reference
from support.described import API, operations

PAGE = reference.page(API)


class Looked(HTMLParser):
    """What a browser would do with the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.style = ""
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._in_style = tag == "style"
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.style += data


@pytest.fixture(scope="module")
def looked() -> Looked:
    made = Looked()
    made.feed(PAGE)
    return made


def test_nothing_is_loaded_from_anywhere(looked: Looked) -> None:
    assert not looked.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert not looked.attributes & {"src", "srcset", "style", "action"}
    assert not [name for name in looked.attributes if name.startswith("on")]
    assert {link for link in looked.links if not link.startswith("#")} == {"/v1/openapi.json", "/"}
    assert "url(" not in looked.style
    assert "@import" not in looked.style


def test_the_policy_allows_its_own_style_and_nothing_else(looked: Looked) -> None:
    digest = b64encode(sha256(looked.style.encode()).digest()).decode()
    directives = dict(part.split(" ", 1) for part in reference.POLICY.split("; "))
    assert directives == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


def test_every_link_on_the_page_leads_somewhere(looked: Looked) -> None:
    assert len(looked.ids) == len(set(looked.ids))
    assert {link[1:] for link in looked.links if link.startswith("#")} <= set(looked.ids)


@pytest.mark.parametrize("name", dict(operations()))
def test_every_operation_and_schema_is_on_it(looked: Looked, name: str) -> None:
    assert {name, *(f"schema-{schema}" for schema in API["components"]["schemas"])} <= set(looked.ids)


def test_texts_are_escaped() -> None:
    api = {**API, "info": {**API["info"], "description": "<script>alert(1)</script>", "version": "<b>"}}
    page = reference.page(api)
    assert "<script" not in page
    assert "<b>" not in page
