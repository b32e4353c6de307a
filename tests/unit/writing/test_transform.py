"""JSON, Markdown and HTML into each other; HTML that holds nothing that runs."""

from __future__ import annotations

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from octavo.components.html_text import markdown_of_html
from octavo.components.json_text import as_markdown, blocks
from octavo.components.markup import Markup
from octavo.components.transform import FormConfig, transform, transform_1
from octavo.errors import InvalidPipeline, InvalidTemplate, StepFailed

HTML = "<p>~</p>~<li>~<ul>~</ul>~<h2>~<b>~</b>~a~ ~&lt;~<td>~<table>~\n~<pre>"
TEXT = "# Guide\n\nHello *you*.\n\n## Setup\n\n1. one\n2. two\n\n### Setup\n\n`code`\n\n## End\n\ndone\n"


def formed(given, value, **config):
    return transform.bind(transform.configured(config))(given(value))


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "# title\n\nA\\*B\n\n# items\n\n- x\n- 1. y\n\n"),
        ({"to": "html"}, "<h1>title</h1>\n<p>A*B</p>\n<h1>items</h1>\n<ul><li>x</li>\n<li>1. y</li></ul>"),
    ],
)
def test_version_1_gives_what_it_gave(given, config, text):
    body = {"title": "A*B", "items": ["x", "1. y"]}

    assert transform_1.bind(transform_1.configured(config))(given(body)).text == text


def test_markdown_becomes_html_with_anchors_and_a_table_of_contents(given):
    made = formed(given, {"t": TEXT}, field="t", **{"from": "markdown", "to": "html"}, table_of_contents=True)

    assert [heading.anchor for heading in made.headings] == ["guide", "setup", "setup-1", "end"]
    title, contents, rest = made.text.partition("<nav>")[0], *made.text.partition("<nav>")[2].split("</nav>")
    assert title == '<h1 id="guide">Guide</h1>\n'
    for heading in made.headings[1:]:
        assert f'<a href="#{heading.anchor}"' in contents
        assert f'<h{heading.level} id="{heading.anchor}">' in rest


def test_markdown_is_given_a_table_of_contents_behind_its_title(given):
    made = formed(
        given, {"t": TEXT}, field="t", **{"from": "markdown"}, table_of_contents=True, contents_depth=2
    )

    assert made.text.startswith("# Guide\n\n- [Setup](#setup)\n- [End](#end)\n\nHello *you*.")


def test_a_text_without_one_title_has_its_contents_in_front():
    assert Markup("# A\n\n# B\n").as_markdown(1) == "- [A](#a)\n- [B](#b)\n\n# A\n\n# B\n"


def test_markdown_becomes_a_tree_by_its_headings(given):
    (guide,) = formed(given, {"t": TEXT}, field="t", **{"from": "markdown", "to": "json"}).sections

    assert (guide.title, guide.text) == ("Guide", "Hello *you*.")
    assert [(part.title, part.text) for part in guide.sections] == [
        ("Setup", "1. one\n2. two"),
        ("End", "done"),
    ]
    assert guide.sections[0].sections[0].text == "`code`"


def test_a_heading_in_a_quotation_is_none_of_the_text():
    assert [heading.title for heading in Markup("# A\n\n> # B\n\n- # C\n").headings] == ["A"]


def test_html_becomes_markdown(given):
    source = """<title>no</title><h1>The <em>title</em></h1><p>A <b>bold </b>word <i>and</i> <a href="http://a.b/c">l*nk</a><br>
    next <code>x`y</code></p><ul><li>a<ol start="3"><li>b</li></ol></li><li>c</li></ul>
    <pre>if x &lt; 1:\n  y</pre><blockquote><p>q</p></blockquote>
    <table><caption>C</caption><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>a|b</td></tr></table><script>bad()</script>"""

    made = formed(given, {"t": source}, field="t", **{"from": "html"})

    assert made.text == (
        "# The *title*\n\nA **bold** word *and* [l\\*nk](http://a.b/c)\\\nnext `` x`y ``\n\n- a\n  3. b\n- c\n\n"
        "```\nif x < 1:\n  y\n```\n\n> q\n\nC\n\n| A | B |\n| --- | --- |\n| 1 | a\\|b |\n"
    )


def test_html_that_runs_or_loads_becomes_html_that_does_not(given):
    source = (
        '<p onclick="x()">a<script>alert(1)</script><img src="javascript:x()" onerror="x()">'
        '<a href="javascript:x()">b</a><iframe src="http://x"></iframe><style>p{}</style></p>'
    )
    markdown = "[a](javascript:alert(1)) <script>alert(1)</script> ![i](javascript:x) <img src=x onerror=x>"

    texts = [
        formed(given, {"t": source}, field="t", **{"from": "html", "to": "html"}).text,
        formed(given, {"t": markdown}, field="t", **{"from": "markdown", "to": "html"}).text,
    ]

    for text in texts:
        assert not [
            bad
            for bad in ("<script", "<iframe", "<style", "<img src=x", 'href="javascript', "<p on")
            if bad in text
        ]


def test_an_output_of_an_earlier_step_is_a_source(given):
    step = given({}, writer={"text": "# Hi"})

    made = transform.bind(FormConfig(**{"from": "markdown"}, to="html", source="outputs.writer.text"))(step)

    assert made.text == '<h1 id="hi">Hi</h1>\n'


def test_a_source_that_is_not_there_or_no_text_is_told(given):
    with pytest.raises(InvalidTemplate, match="there is no 'writer'"):
        transform.bind(FormConfig(source="outputs.writer"))(given({}))
    with pytest.raises(StepFailed, match="'t' is no text of html"):
        formed(given, {"t": 1}, field="t", **{"from": "html"})
    with pytest.raises(InvalidPipeline):
        transform.configured({"from": "word"})


@settings(max_examples=60)
@generated(st.text(st.sampled_from("ab *_`#<>[]()|\\-+=~1.&;!\n\t"), max_size=40))
def test_a_text_of_json_is_shown_as_it_is(text):
    """Escaped, it is words of paragraphs and of nothing else."""
    tokens = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(as_markdown(list(blocks(text))))
    )

    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    shown = "".join(
        child.content if child.type == "text" else " "
        for token in tokens
        for child in token.children or []
        if child.type in {"text", "text_special", "softbreak", "hardbreak"}
    )
    assert not {child.type for token in tokens for child in token.children or []} - {
        "text", "text_special", "softbreak", "hardbreak",
    }  # fmt: skip
    assert len(shown.replace(" ", "")) <= len(text)


@settings(max_examples=60)
@generated(st.lists(st.sampled_from(HTML.split("~")), max_size=30).map("".join))
def test_whatever_html_there_is_becomes_some_markdown(source):
    words = source.count("a") - source.count("<table>")

    assert markdown_of_html(source).count("a") == words


def test_html_of_any_depth_is_read():
    assert markdown_of_html("<div>" * 5_000 + "deep") == "deep\n"
