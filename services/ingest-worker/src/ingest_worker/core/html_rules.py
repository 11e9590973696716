"""What is boilerplate on a page: decisions by names and by link density, apart from any HTML library.

The method is that of Kohlschütter et al., "Boilerplate Detection using Shallow Text Features" (WSDM 2010): link density
and text length, with the names that themes give to their navigation. Code, tables and headings speak for content, so
that documentation keeps what a filter made for news throws away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

BLOCKS = frozenset(
    [
        "div",
        "section",
        "aside",
        "ul",
        "ol",
        "dl",
        "table",
        "header",
        "footer",
        "form",
        "td",
        "article",
        "center",
        "figure",
        "main",
        "details",
        "p",
    ]
)
"""Elements that are judged; inline ones and table rows stand or fall with what holds them."""

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
CODE = frozenset({"pre", "code", "math"})

_BEFORE, _AFTER = r"(?:^|[\s_-])", r"(?:$|[\s_-])"
_BOILERPLATE = re.compile(
    _BEFORE
    + r"(?:nav|navi|navbar|navbars|navigation|nav(?:header|footer|menu|links?|panel)|menus?|submenu|menubar|"
    r"topbar|sidebars?|sphinxsidebar|sidenav|subnav|breadcrumbs?|footers?|masthead|share|sharing|sharebar|sharetools|"
    r"social|socials|addthis|comments?|disqus|respond|related|recommend(?:ed|ations?)?|promos?|promoted|"
    r"advert(?:s|isements?|ising)?|ads?|adsense|banners?|sponsor(?:s|ed)?|cookies?|consent|gdpr|newsletters?|"
    r"subscri(?:be|ption)|signup|popups?|modals?|overlay|toolbars?|pagination|pager|paging|toc|tocbox|"
    r"toplang|bottomlang|quickview|tags|tagcloud|widgets?|print|ratings?|login|searchbox|search(?:form)?|"
    r"skip(?:link|nav)?|outbrain|taboola|trending|popular|mostread|teasers?|more|readmore|"
    r"sr-only|visually-hidden|noprint|copyright|legal|disclaimer|byline|meta|links|carousel|slideshow|gallery)"
    + _AFTER,
    re.IGNORECASE,
)
_CONTENT = re.compile(
    _BEFORE + r"(?:article|content|body|entry|post|story|text|main|page)" + _AFTER, re.IGNORECASE
)
_ASIDE_OF_CONTENT = re.compile(
    _BEFORE
    + r"(?:admonition|note|warning|tip|caution|important|hint|example|code|highlight|codehilite|literal)",
    re.IGNORECASE,
)
_MAIN = re.compile(
    _BEFORE + r"(?:article-?body|entry-?content|post-?content|article-?content|markdown-body|story-?body|"
    r"main-?content|content-?main|page-?content|post-?body|rst-content|documentwrapper|bodywrapper)" + _AFTER,
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MAX_NAME = 500

_MOST = 0.5  # what holds more of the page's text than this is never boilerplate
_FORM_MOST = 0.3
_HEADED_MOST = 0.3
_PROSE_LINK_DENSITY = 0.4
_PROSE_CHARACTERS = 200
_LINK_DENSITY = 0.6
_CELL_LINK_DENSITY = 0.85
_MIN_LINKS = 3
_MIN_CELL_LINKS = 4


@dataclass(slots=True)
class Measure:
    """What stands in an element, counted in visible characters.

    Attributes:
        tag: its name, lower case.
        name: class and id (:func:`element_name`).
        text: characters of text, what is boilerplate inside left out.
        linked: those of them that are inside links.
        links: how many links.
        code: characters of code.
        headed: whether a heading stands in it.
    """

    tag: str
    name: str = ""
    text: int = 0
    linked: int = 0
    links: int = 0
    code: int = 0
    headed: bool = False


@lru_cache(maxsize=4096)
def element_name(css_class: str | None, element_id: str | None) -> str:
    """Class and id as words: ``articleBody`` counts as ``article-Body``."""
    name = f"{css_class or ''} {element_id or ''}"[:_MAX_NAME].strip()
    return _CAMEL.sub("-", name) if name else ""


def is_boilerplate(element: Measure, *, page_characters: int) -> bool:
    """Whether an element of :data:`BLOCKS` is navigation, advertising and the like, and no content."""
    if element.text > _MOST * page_characters:
        return False
    tag = element.tag
    if tag == "footer":
        return True
    if tag == "header":
        return not element.headed
    if tag == "aside":
        return not _named_aside(element.name)
    if tag == "form":
        return element.text < _FORM_MOST * page_characters
    return _named_boilerplate(element, page_characters) or _is_link_list(element)


def main_rank(tag: str, name: str, role: str | None, itemprop: str | None) -> int:
    """How strongly an element claims to hold the content: 3 by a theme's name for it, 2 article, 1 main, 0 not at all."""
    if tag == "main" or role == "main":
        return 1
    if tag == "article":
        return 2
    if tag in {"div", "section", "td"} and (itemprop == "articleBody" or (name and _named_main(name))):
        return 3
    return 0


MAIN_SHARE = {3: 0.4, 2: 0.5, 1: 0.4}
"""The part of the page's kept text that a claim of each rank must hold to be believed."""


@lru_cache(maxsize=4096)
def _named_main(name: str) -> bool:
    return _MAIN.search(name) is not None


@lru_cache(maxsize=4096)
def _named_aside(name: str) -> bool:
    return _ASIDE_OF_CONTENT.search(name) is not None


@lru_cache(maxsize=4096)
def _boilerplate_name(name: str) -> tuple[bool, bool]:
    """Whether a name speaks for boilerplate, and whether it also speaks for content."""
    return (
        _BOILERPLATE.search(name) is not None and not _named_aside(name),
        _CONTENT.search(name) is not None,
    )


def _named_boilerplate(element: Measure, page_characters: int) -> bool:
    if not element.name:
        return False
    boilerplate, content = _boilerplate_name(element.name)
    if not boilerplate or element.code > _HEADED_MOST * element.text:
        return False
    if element.headed and element.text > _HEADED_MOST * page_characters:
        return False
    prose = element.text > _PROSE_CHARACTERS and element.linked < _PROSE_LINK_DENSITY * element.text
    return not (content and prose)


def _is_link_list(element: Measure) -> bool:
    if element.tag == "p":
        return False
    if element.tag == "td":
        return element.links >= _MIN_CELL_LINKS and element.linked > _CELL_LINK_DENSITY * element.text
    return element.links >= _MIN_LINKS and element.linked > _LINK_DENSITY * element.text and not element.code
