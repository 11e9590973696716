from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ingest_worker.adapters.parsers.dispatch import parse
from ingest_worker.core.parse_request import ParseRequest, ParserLimits
from shared.content import content_hash
from shared.content_types import DocumentType
from shared.errors import ErrorCode, WorkError
from support import documents
from support.documents import page_html

if TYPE_CHECKING:
    from shared.contracts.content import Parsed


def page(body: bytes, *, url: str | None = "https://docs.example/guide/page.html", **more: Any) -> Parsed:
    return parse(ParseRequest(kind=DocumentType.HTML, body=body, url=url, **more))


def markdown(body: str) -> str:
    return page(page_html(body=body)).markdown


PROSE = "<p>" + "A sentence that says something of substance about the matter. " * 8 + "</p>"


def test_a_page_of_documentation() -> None:
    parsed = page(documents.manual_html())
    assert parsed.title == "Widgets"
    assert parsed.language == "en"
    assert [chunk.heading_path for chunk in parsed.chunks] == [("Widgets", f"Section {n}") for n in (1, 2, 3)]
    first = parsed.chunks[0].text
    assert "```python\ndef widget_1():\n    return 1\n```" in first
    assert "| --level1 | how deep |" in first
    assert "Page 3" not in parsed.markdown
    assert "Copyright" not in parsed.markdown
    assert parsed.content_hash == content_hash(parsed.title, parsed.markdown)


def test_links_are_told_although_navigation_is_dropped() -> None:
    links = page(documents.manual_html()).links
    assert links == [f"https://docs.example/guide/page{n}.html" for n in range(1, 9)]


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("b.html", "https://docs.example/guide/b.html"),
        ("/b", "https://docs.example/b"),
        ("../b", "https://docs.example/b"),
        ("./b?q=1#top", "https://docs.example/guide/b?q=1"),
        ("?q=1", "https://docs.example/guide/page.html?q=1"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("HTTP://Other.example/x", "HTTP://Other.example/x"),
        (" b\n.html ", "https://docs.example/guide/b.html"),
        ("a:b", None),
        ("#top", None),
        ("mailto:a@b.example", None),
        ("javascript:void(0)", None),
        ("http://[::1", None),
        ("x" * 5000, None),
    ],
)
def test_links_are_made_absolute(href: str, expected: str | None) -> None:
    assert page(page_html(body=f'<a href="{href}">x</a>')).links == ([expected] if expected else [])


def test_links_respect_base_and_order_and_come_once() -> None:
    body = (
        '<a href="b">1</a><map><area href="c"></map><a href="b#x">2</a><a href="d" rel="NoFollow ugc">3</a>'
    )
    parsed = page(page_html(body=body, head='<base href="/other/">'))
    assert parsed.links == ["https://docs.example/other/b", "https://docs.example/other/c"]


def test_links_are_capped() -> None:
    body = "".join(f"<a href='p{n}'>x</a>" for n in range(50))
    assert len(page(page_html(body=body), limits=ParserLimits(max_links=7)).links) == 7


def test_a_file_has_no_links() -> None:
    assert page(page_html(body=PROSE + "<a href='/x'>x</a>"), url=None).links == []


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("json — Python docs", "<h1>json<a class='headerlink' href='#'>¶</a></h1>", "json"),
        ("Path | Node docs", "<h1>Node docs</h1>", "Path | Node docs"),
        ("", "<h1>Only a heading</h1>", "Only a heading"),
        ("Only &amp; a title", "<p>x</p>", "Only & a title"),
        ("  spread\n over lines ", "<p>x</p>", "spread over lines"),
    ],
)
def test_titles(title: str, body: str, expected: str) -> None:
    assert page(page_html(title, body)).title == expected


def test_a_title_by_a_person_goes_first() -> None:
    assert page(page_html("Old"), title="New").title == "New"


def test_a_page_without_title_is_called_by_its_file() -> None:
    assert page(b"<p>x</p>", filename="notes-2024.html").title == "notes-2024"


@pytest.mark.parametrize(
    ("head", "header", "noindex", "nofollow"),
    [
        ("", None, False, False),
        ('<meta name="robots" content="noindex, nofollow">', None, True, True),
        ('<meta name="ROBOTS" content="NONE">', None, True, True),
        ('<meta name="quern" content="noindex">', None, True, False),
        ('<meta name="googlebot" content="noindex">', None, False, False),
        ("", "noindex", True, False),
        ("", "googlebot: noindex, nofollow", False, False),
        ("", "googlebot: noindex, quern: nofollow", False, True),
        ("", "unavailable_after: 25 Jun 2030 15:00:00 PST, nofollow", False, True),
        ("", "otherbot: noindex\nnofollow", False, True),
    ],
)
def test_robots(head: str, header: str | None, noindex: bool, nofollow: bool) -> None:  # noqa: FBT001 - a table
    parsed = page(page_html(head=head), x_robots_tag=header)
    assert (parsed.noindex, parsed.nofollow) == (noindex, nofollow)


def test_canonical() -> None:
    parsed = page(page_html(head='<link rel="canonical" href="/guide/">'))
    assert parsed.canonical == "https://docs.example/guide/"
    assert page(page_html()).canonical is None


@pytest.mark.parametrize(
    ("lang", "expected"), [("en-US", "en"), ("de", "de"), ("PT_br", "pt"), ("x-klingon", None), ("", None)]
)
def test_declared_language(lang: str, expected: str | None) -> None:
    assert page(page_html(lang=lang)).language == expected


def test_undeclared_language_is_told_from_the_text() -> None:
    german = (
        "Die Wartung der Pumpe erfolgt einmal im Jahr. Dazu wird das Gehäuse geöffnet, der Filter gereinigt und das Lager "
        "mit neuem Öl versehen. Wer die Anlage in Betrieb nimmt, sollte vorher prüfen, ob alle Ventile geschlossen sind. "
        "Im Winter kann es vorkommen, dass Leitungen einfrieren; dann hilft nur langsames Erwärmen. Ersatzteile bestellt "
        "man beim Hersteller, der auch Auskunft über passende Dichtungen gibt."
    )
    assert page(page_html(lang="", body=f"<p>{german}</p>")).language == "de"


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("\ufeff<p>Grüße</p>".encode(), "latin-1"),
        ("<p>Grüße</p>".encode(), "iso-8859-1"),
        ("<p>Grüße</p>".encode("cp1252"), "ISO-8859-1"),
        ("<p>Grüße – „x“</p>".encode("cp1252"), "iso-8859-1"),
        ('<meta charset="windows-1252"><p>Grüße</p>'.encode("cp1252"), None),
        (
            '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-15"><p>Grüße</p>'.encode(
                "iso-8859-15"
            ),
            None,
        ),
        (("<p>Grüße aus München, schöne Größe, über Nacht</p>" * 5).encode("cp1252"), None),
        (("<p>Grüße aus München, schöne Größe</p>" * 5).encode("cp1252"), "no-such-charset"),
        ("\ufeff<p>Grüße</p>".encode("utf-16-le"), None),
        ("<p>Grüße</p>".encode("utf-16"), "utf-16"),
    ],
)
def test_charsets(body: bytes, charset: str | None) -> None:
    assert "Grüße" in page(body, content_type_charset=charset).markdown


@pytest.mark.parametrize(
    ("body", "charset", "letter"),
    [
        (b"<p>\xc8</p>", "iso-8859-2", "Č"),
        (b"<p>\xc8</p>", "windows-1251", "И"),
        (b"<meta charset=koi8-r><p>\xc8</p>", None, "\u0445"),
        (b"<meta charset=koi8-r><p>\xc8</p>", "iso-8859-2", "Č"),
    ],
)
def test_what_is_declared_counts_where_bytes_do_not_tell(
    body: bytes, charset: str | None, letter: str
) -> None:
    assert page(body, content_type_charset=charset).markdown == letter


def test_japanese_by_header() -> None:
    assert (
        "日本語"
        in page("<p>日本語の文章です</p>".encode("shift_jis"), content_type_charset="Shift_JIS").markdown
    )
    assert (
        "日本語" in page("<p>日本語</p>".encode("iso-2022-jp"), content_type_charset="iso-2022-jp").markdown
    )


def test_bytes_that_no_database_takes_are_gone() -> None:
    parsed = page(b"<p>a\x00b &#xD800; c&shy;d e&nbsp;f</p>", content_type_charset="utf-8")
    assert "\x00" not in parsed.markdown
    assert "cd e f" in parsed.markdown
    parsed.markdown.encode()


@pytest.mark.parametrize(
    "noise",
    [
        "<nav><p>NOISE</p></nav>",
        "<div class='sidebar'><p>NOISE</p></div>",
        "<div id='cookie-consent'>NOISE</div>",
        "<div class='siteFooter'>NOISE</div>",
        "<footer>NOISE</footer>",
        "<header><p>NOISE</p></header>",
        "<script>NOISE</script><style>NOISE</style><noscript>NOISE</noscript>",
        "<div role='navigation'>NOISE</div>",
        "<ul><li><a href=1>NOISE one</a><li><a href=2>two</a><li><a href=3>three</a></ul>",
        "<form><p>NOISE</p><button>NOISE</button></form>",
        "<aside>NOISE</aside>",
        "<template>NOISE</template>",
        "<a href='x'><img alt='NOISE'></a>",
    ],
)
def test_noise_is_dropped(noise: str) -> None:
    assert "NOISE" not in markdown(f"{noise}<h2>Title</h2>{PROSE}")
    assert "NOISE" not in markdown(f"<main><h2>Title</h2>{PROSE}</main>{noise}")


@pytest.mark.parametrize(
    "content",
    [
        "<div class='admonition note'><p>WANTED</p></div>",
        "<aside class='warning'>WANTED</aside>",
        "<header><h1>WANTED</h1></header>",
        "<div class='entry-content-read-more'>" + PROSE + "WANTED</div>",
        "<h2><button>WANTED</button></h2><p>answer</p>",
        "<div class='tab-panel' hidden>WANTED</div>",
        "<p>See <a href=1>WANTED</a></p>",
        "<pre class='nav'>WANTED</pre>",
        "<details><summary>More</summary>WANTED</details>",
        "<dl><dt>term</dt><dd>WANTED</dd></dl>",
    ],
)
def test_content_is_kept(content: str) -> None:
    assert "WANTED" in markdown(f"<h2>Title</h2>{PROSE}{content}{PROSE}")


def test_a_page_that_is_all_links_keeps_them() -> None:
    body = (
        "<ul>"
        + "".join(f"<li><a href='{n}'>function_{n}() in module {n}</a></li>" for n in range(50))
        + "</ul>"
    )
    parsed = page(page_html("Index", body))
    assert "function_49()" in parsed.chunks[-1].text


def test_layout_tables_do_not_swallow_headings() -> None:
    parsed = page(page_html("T", f"<table><tr><td><h2>Inside</h2>{PROSE}</td></tr></table>"))
    assert parsed.chunks[0].heading_path[-1] == "Inside"


@pytest.mark.parametrize("around", ["b", "strong", "code", "a href=x", "i", "font"])
def test_code_inside_a_line_becomes_a_block(around: str) -> None:
    parsed = page(
        page_html(
            "T",
            f"<p>Run: <{around}><pre>make\ntest</pre></{around.split(maxsplit=1)[0]}></p><h2>Next</h2>{PROSE}",
        )
    )
    assert "```\nmake\ntest\n```\n" in parsed.markdown + "\n"
    assert parsed.chunks[-1].heading_path == ("T", "Next")


def test_a_page_without_text_still_tells_its_links() -> None:
    parsed = page(page_html(body="<a href='next.html'><img src='x.png'></a>"))
    assert parsed.chunks == []
    assert parsed.links == ["https://docs.example/guide/next.html"]


@pytest.mark.parametrize("body", [b"", b"<html><body></body></html>"])
def test_a_file_without_text_is_an_error(body: bytes) -> None:
    with pytest.raises(WorkError) as caught:
        page(body, url=None)
    assert caught.value.code is ErrorCode.EMPTY_CONTENT


def test_the_same_bytes_make_the_same_result() -> None:
    assert page(documents.manual_html()) == page(documents.manual_html())
