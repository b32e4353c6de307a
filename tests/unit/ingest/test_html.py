"""HTML: what a reader sees of it, and what its head tells."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from octavo.ingest.limits import Limits
from tests.unit.ingest.making import said, unread

_PAGE = """<!DOCTYPE html>
<html lang="de-AT"><head>
<title>  Über die
  Brücke </title>
<meta name="author" content="Ada &amp; Charles">
<meta name="description" content="Wohin die Straße führt">
<meta property="article:published_time" content="2024-03-05T15:30:00+01:00">
<meta property="article:modified_time" content="2024-03-06">
<meta name="keywords" content="Straße, Brücke">
<meta property="og:url" content="https://example.org/bruecke">
<style>p { color: red }</style><script>var text = "<p>no text</p>";</script>
</head><body>
<nav><a href="/">Home</a> <a href="/about">About</a></nav>
<div role="navigation">Breadcrumbs</div>
<h1>Die Straße</h1>
<p>Die Straße führt über die
   <b>Brücke</b>, und niemand&nbsp;weiß,<br>wohin.</p>
<ul><li>erstens</li><li>zwei<i>tens</i></li></ul>
<table><tr><th>Jahr</th><th>Zahl</th></tr><tr><td>2024</td><td>7</td></tr></table>
<pre>if x:
    y()</pre>
<div hidden>versteckt</div><template><p>Vorlage</p></template><!-- Anmerkung -->
<svg><text>Bild</text></svg><noscript>ohne Skript</noscript>
<p>Soft&shy;hyphen</p>
</body></html>"""


def test_text_is_in_paragraphs_without_scripts_styles_and_navigation():
    assert said(_PAGE.encode(), "a.html").text == (
        "Die Straße\n\n"
        "Die Straße führt über die Brücke, und niemand weiß,\nwohin.\n\n"
        "  • erstens\n  • zweitens\nJahr\t\tZahl\n2024\t\t7\nif x:\n    y()\n\n"
        "Softhyphen"
    )


def test_the_head_tells_title_author_dates_description_and_language():
    read = said(_PAGE.encode(), "a.html")

    assert (read.title, read.author, read.language) == ("Über die Brücke", "Ada & Charles", "de-AT")
    assert read.created == datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
    assert read.modified == datetime(2024, 3, 6, tzinfo=UTC)
    assert read.metadata == {
        "description": "Wohin die Straße führt",
        "keywords": "Straße, Brücke",
        "url": "https://example.org/bruecke",
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<html><body><h1>A <i>heading</i></h1><p>text", "A heading"),
        (b"<html><head><meta property='og:title' content='Shared as'></head><body>text", "Shared as"),
        (b"<html><body><p>text only", "page"),
        (b"<html>", "page"),
    ],
)
def test_a_page_without_a_title_has_its_heading_or_its_name(data, expected):
    assert said(data, "page.html").title == expected


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="iso-8859-1">', "latin-1"),
        ("<meta http-equiv=Content-Type content='text/html; charset=shift_jis'>", "shift_jis"),
        ("", "utf-8"),
        ("", "utf-16"),
    ],
)
def test_the_declared_encoding_is_used(head, encoding):
    word = "日本語" if encoding == "shift_jis" else "Straße"

    read = said(
        f"<html><head>{head}<title>x</title></head><body><p>{word}</p></body>".encode(encoding), "a.html"
    )

    assert read.text == word


def test_pages_of_documentation_tools_lose_their_navigation():
    docbook = b"<html><div class='navheader'>Prev Next</div><p>DocBook</p><div class='navfooter'>Up</div>"
    sphinx = b"<html><div class='sphinxsidebar'>Index</div><div class='related'>next</div><p>Sphinx</p>"

    assert said(docbook, "a.html").text == "DocBook"
    assert said(sphinx, "a.html").text == "Sphinx"


@pytest.mark.parametrize("tag", ["div", "b", "table><tr><td", "p><font", "form"])
def test_elements_nested_100_000_deep_are_read(tag):
    read = said(f"<html>{f'<{tag}>' * 100_000}deep".encode(), "a.html")

    assert read.text.endswith("deep")


@pytest.mark.parametrize(
    "data",
    [
        b"<",
        b"<html",
        b"<html><body",
        b"<!--",
        b"<html>" + b"text " * 20 + b"\x00",
        b"<html><script>",
        b"<html><title>",
    ],
)
def test_torn_pages_are_read_as_far_as_they_go(data):
    assert said(data, "a.html").kind == "html"


def test_a_page_over_the_limit_is_refused():
    assert (
        unread(b"<html>" + b"x" * 2_000, "a.html", Limits(max_text_characters=1_000)).code == "refused_file"
    )
