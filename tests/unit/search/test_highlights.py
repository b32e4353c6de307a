"""How the piece of a hit that matched is shown."""

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from octavo.roles.search import MATCH_END, MATCH_START, Match, Place
from octavo.search.highlights import CHARACTERS, highlight
from octavo.search.parse import parse


def marked(text):
    return text.replace("[", MATCH_START).replace("]", MATCH_END)


def match(text, *, title=None, description=None):
    return Match(
        id=uuid.UUID(int=1),
        namespace="default",
        type="article",
        name=None,
        title=title,
        description=description,
        version=1,
        current_version=1,
        score=1.0,
        start=0,
        end=len(text),
        highlight=text,
        place=Place(0, 1.0, uuid.UUID(int=1)),
    )


def test_matches_are_marked_and_text_is_escaped_in_html():
    shown = highlight(match(marked("<b>no</b> [refunds] & more")), parse("refund"), "html")

    assert shown == "&lt;b&gt;no&lt;/b&gt; <mark>refunds</mark> &amp; more"


def test_marks_of_the_callers_choice_stand_in_plain_text():
    assert (
        highlight(match(marked("no [refunds] & more")), parse("refund"), ("<<", ">>"))
        == "no <<refunds>> & more"
    )


def test_a_long_passage_is_cut_at_words_around_the_most_different_matches():
    text = (
        "one [refund] here. " + "filler words " * 60 + "a [refund] under this [policy] there " + "more " * 60
    )

    shown = highlight(match(marked(text)), parse("refund policy"), ("[", "]"))

    assert "a [refund] under this [policy] there" in shown
    assert len(shown.replace("[", "").replace("]", "")) <= CHARACTERS
    assert not shown.startswith(("iller", "ords"))


def test_words_the_engine_could_not_mark_are_found_as_they_are_written():
    assert highlight(match("Die Policy gilt."), parse("policy"), ("[", "]")) == "Die [Policy] gilt."


def test_inflected_words_are_found_by_their_beginnings():
    assert highlight(match("zażółć gęślą jaźnią"), parse("gęślami"), ("[", "]")) == "zażółć [gęślą] jaźnią"


def test_words_of_scripts_without_spaces_are_marked_inside_a_run():
    assert highlight(match("全文検索機能の説明"), parse("検索"), ("[", "]")) == "全文[検索]機能の説明"


def test_a_match_in_the_title_alone_shows_the_title():
    assert highlight(match("Nothing of it.", title="The Who"), parse("the who"), ("[", "]")) == "[The] [Who]"


def test_without_any_match_the_beginning_is_shown():
    assert highlight(match("Nothing of it."), parse("xyzzy"), "html") == "Nothing of it."


plain = st.text(
    st.characters(exclude_characters=MATCH_START + MATCH_END, exclude_categories=["Cs"]), max_size=120
)


@given(st.lists(st.tuples(plain, plain.filter(bool)), max_size=12), plain)
def test_html_holds_nothing_but_text_and_marks(pieces, rest):
    text = "".join(f"{before}{MATCH_START}{inside}{MATCH_END}" for before, inside in pieces) + rest

    shown = highlight(match(text), parse("word"), "html")

    assert not re.search(r"[<>]", re.sub(r"</?mark>", "", shown))
    assert shown.count("<mark>") == shown.count("</mark>")
    assert MATCH_START not in shown
