"""Taking the content out of a page: one walk measures every element, the rules in ``core.html_rules`` judge it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser

from ingest_worker.core.html_rules import (
    BLOCKS,
    CODE,
    HEADINGS,
    MAIN_SHARE,
    Measure,
    element_name,
    is_boilerplate,
    main_rank,
)

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_NEVER_TEXT = (
    "script,style,noscript,template,iframe,object,embed,svg,canvas,audio,video,map,input,select,textarea,nav,dialog,"
    "menu,button,[role=navigation],[role=banner],[role=contentinfo],[role=search],[role=complementary],[role=menu],"
    "[role=menubar],[role=dialog],[role=alertdialog],[role=tablist],[aria-hidden=true],"
    "a.headerlink,a.anchor,a.hash-link,a.anchorjs-link,a.mark,.mw-editsection"
)
_LEAST_SHARE = 0.1  # pages that are lists of links through and through (an index) are kept whole


_INLINE = frozenset(
    {"a", "abbr", "b", "code", "em", "font", "i", "kbd", "samp", "small", "span", "strong", "tt", "u"}
)
_MAX_LAYOUT_DEPTH = 200
_MAX_LAYOUT_TABLES = 50
_MAX_LAID_OUT = 2_000
_MEASURED = BLOCKS | HEADINGS | {"a"}


@dataclass(frozen=True, slots=True)
class Content:
    """The element that holds a page's content, boilerplate inside it removed.

    Attributes:
        node: the element.
        characters: visible characters in it.
        depth: how deep the page's elements stand in each other.
    """

    node: LexborNode
    characters: int
    depth: int


def prune(body: LexborNode) -> Content:
    """Remove what is not content from a page's body, and pick the element that holds the rest. Changes the tree."""
    _remove(body.css(_NEVER_TEXT), keep_headed=True)
    total = _characters(body)
    walk = _Walk(total)
    walk.run(body)
    if walk.kept < _LEAST_SHARE * total:
        return Content(body, total, walk.depth)
    node, characters = _main(body, walk)
    _remove(walk.boilerplate)
    if walk.depth <= _MAX_LAYOUT_DEPTH:
        _dissolve_layout_tables(node)
        _free_code(node)
    return Content(node, characters, walk.depth)


def _remove(nodes: list[LexborNode], *, keep_headed: bool = False) -> None:
    for node in reversed(nodes):  # inner ones first: a node must not be touched once what holds it is gone
        if keep_headed and node.tag == "button" and node.parent is not None and node.parent.tag in HEADINGS:
            node.unwrap()  # the question of an accordion
        else:
            node.decompose()


def _dissolve_layout_tables(node: LexborNode) -> None:
    """Put the cells of tables that hold headings one below the other: they lay out a page, and Markdown's hold no blocks."""
    tables: dict[int, LexborNode] = {}
    for heading in node.css("td h1,td h2,td h3,td h4,td h5,td pre")[:_MAX_LAID_OUT]:
        around = heading.parent
        while around is not None and around.mem_id != node.mem_id:
            if around.tag == "table":
                tables[around.mem_id] = around
            around = around.parent
    inner_first = sorted(tables.values(), key=_depth, reverse=True)
    for table in inner_first[:_MAX_LAYOUT_TABLES]:
        cells = "".join(f"<div>{cell.inner_html}</div>" for cell in table.css("td,th,caption"))
        block = LexborHTMLParser(f"<div>{cells}</div>").css_first("body > div")
        if block is not None:
            table.replace_with(block)


def _free_code(node: LexborNode) -> None:
    """Take code blocks out of bold, links and the like: Markdown has no fence inside a line."""
    for block in node.css("pre"):
        around = block.parent
        while around is not None and around.tag in _INLINE:
            outer = around.parent
            around.unwrap()
            around = outer
    for link in node.css("pre a"):  # it would be written as [text](address), in the middle of the code
        link.unwrap()


def _depth(node: LexborNode) -> int:
    depth = 0
    around = node.parent
    while around is not None:
        depth += 1
        around = around.parent
    return depth


def _main(body: LexborNode, walk: _Walk) -> tuple[LexborNode, int]:
    for rank in (3, 2, 1):
        characters, node = walk.claims.get(rank, (0, body))
        if characters and characters >= MAIN_SHARE[rank] * walk.kept:
            return node, characters
    return body, walk.kept


def _characters(node: LexborNode) -> int:
    return len(" ".join(node.text().split()))


class _Walk:
    """Depth first over a body, measures summed up on the way out.

    Attributes:
        kept: visible characters that are not boilerplate.
        boilerplate: the outermost elements to remove.
        claims: by rank, the element that claims to hold the content with the most characters in it.
        depth: the deepest nesting seen.
    """

    def __init__(self, page_characters: int) -> None:
        self._page_characters = page_characters
        self.kept = 0
        self.depth = 0
        self.boilerplate: list[LexborNode] = []
        self.claims: dict[int, tuple[int, LexborNode]] = {}

    def run(self, body: LexborNode) -> None:
        """Go through all nodes. A call for each would take half of a page's time."""
        top = Measure("body")
        stack: list[tuple[LexborNode, Measure, int]] = []  # what is open around ``top``'s element
        element, before, links_open = body, 0, 0
        node = body.first_child
        while True:
            if node is None:  # all of ``element`` has been seen
                if not stack:
                    self.kept = top.text
                    return
                node = element.next
                done, measure, done_before = element, top, before
                element, top, before = stack.pop()
                if measure is not top:
                    links_open -= measure.tag == "a"
                    self._leave(done, measure, top, done_before)
                continue
            tag = node.tag or ""
            if tag == "-text":
                count = len((node.text_content or "").strip())
                top.text += count
                if links_open:
                    top.linked += count
            elif tag in CODE:
                count = len(node.text().strip())
                top.text += count
                top.code += count
            elif (child := node.first_child) is not None:
                stack.append((element, top, before))
                self.depth = max(self.depth, len(stack))
                element = node
                if tag in _MEASURED:  # any other element counts with the one around it
                    top, before = _measure(node, tag), len(self.boilerplate)
                    links_open += tag == "a"
                node = child
                continue
            node = node.next

    def _leave(self, node: LexborNode, measure: Measure, around: Measure, boilerplate_before: int) -> None:
        """Judge an element that has been seen whole; what is kept counts for the one around it."""
        tag = measure.tag
        block = tag in BLOCKS
        if (tag == "a" and not measure.text) or (
            block and is_boilerplate(measure, page_characters=self._page_characters)
        ):
            del self.boilerplate[boilerplate_before:]
            self.boilerplate.append(node)
            return
        around.text += measure.text
        around.linked += measure.linked
        around.links += measure.links
        around.code += measure.code
        if measure.headed:
            around.headed = True
        if block:
            self._claim(node, measure)

    def _claim(self, node: LexborNode, measure: Measure) -> None:
        attributes = node.attributes
        rank = main_rank(measure.tag, measure.name, attributes.get("role"), attributes.get("itemprop"))
        if rank and measure.text > self.claims.get(rank, (0, None))[0]:
            self.claims[rank] = (measure.text, node)


def _measure(node: LexborNode, tag: str) -> Measure:
    if tag == "a":
        return Measure(tag, links=1)
    if tag in BLOCKS:
        attributes = node.attributes
        return Measure(tag, element_name(attributes.get("class"), attributes.get("id")))
    return Measure(tag, headed=tag in HEADINGS)
