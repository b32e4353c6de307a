"""Plain text and Markdown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from octavo.ingest.clean import TITLE_CHARACTERS, title
from octavo.ingest.limits import Limits
from octavo.text.counts import Counts
from tests.unit.ingest.making import said, unread


def test_a_latin_1_file_is_stored_as_unicode_with_its_encoding():
    """S0-056"""
    text = "Die Straße führt über die Brücke, und niemand weiß, wohin.\n"

    read = said(text.encode("latin-1"), "notes.txt")

    assert (read.text, read.encoding, read.media_type, read.kind) == (text, "iso8859-1", "text/plain", "text")
    assert (read.language, read.counts) == ("de", Counts(words=10, characters=59, paragraphs=1))


def test_the_first_line_is_the_title_of_a_text_and_the_name_that_of_code():
    assert said(b"\n\n  Minutes of May  \n\nPresent: all.", "a.txt").title == "Minutes of May"
    assert said(b"import os\n", "tool.py").title == "tool"
    assert said(b"", "empty.txt").title == "empty"


def test_nuls_and_lone_surrogates_go_and_are_counted():
    read = said(b"a line of a log with a torn record\x00 and more after it\n" * 50, "a.log")

    assert "\x00" not in read.text
    assert read.metadata["stripped"] == 50


def test_line_ends_are_made_one_kind():
    assert said(b"one\r\ntwo\rthree\n", "a.txt").text == "one\ntwo\nthree\n"


def test_what_is_not_valid_in_an_encoding_is_counted():
    read = said(b"\xff\xfeA\x00\x00\xd8B\x00", "a.txt")

    assert read.metadata["replaced"] == 1


def test_a_file_that_is_something_else_than_its_name_says_so():
    assert said(b"just text", "report.pdf").metadata["named"] == "pdf"


def test_a_binary_file_named_as_text_is_kept_without_text():
    read = said(b"\x89PNG\r\n\x1a\n" + bytes(range(64)), "notes.txt")

    assert (read.kind, read.media_type, read.text, read.title) == ("other", "image/png", "", "notes")


def test_a_text_over_the_limit_is_refused_with_the_limit_in_the_line():
    limits = Limits(max_text_characters=1_000)

    assert "1,000" in unread(b"x" * 1_001, "a.txt", limits).message
    assert unread(b"x" * 5_000, "a.txt", limits).code == "refused_file"
    assert len(said(b"x" * 1_000, "a.txt", limits).text) == 1_000


def test_one_line_of_five_megabytes_is_read():
    read = said(b"word " * 1_000_000, "a.txt")

    assert read.counts.words == 1_000_000
    assert len(read.title) <= TITLE_CHARACTERS


@pytest.mark.parametrize("candidate", ["x" * 501, "word " * 200, "漢" * 1_000])
def test_titles_are_cut_to_500_characters_at_a_word_if_there_is_one(candidate):
    """S0-046"""
    cut = title(candidate, name="a")

    assert 490 < len(cut) <= 500
    assert cut.endswith("…")
    assert title("x" * 500, name="a") == "x" * 500


def test_a_title_is_never_empty():
    assert title(None, "", " \n", name="report.pdf") == "report"
    assert title(name="") == "untitled"
    assert title("\x00\ud800", name="a") == "a"


def test_fields_before_markdown_become_title_author_dates_and_language():
    data = b"""---
title: "A Plan"
author: Ada
date: 2024-03-05
updated: 2024-03-06T10:00:00+01:00
lang: fr-CA
draft: true
tags:
  - one
---
# Not the title

Voici le plan de la semaine prochaine, avec toutes les explications.
"""

    read = said(data, "plan.md")

    assert (read.title, read.author, read.language, read.kind) == ("A Plan", "Ada", "fr-CA", "markdown")
    assert read.created == datetime(2024, 3, 5, tzinfo=UTC)
    assert read.modified == datetime(2024, 3, 6, 9, tzinfo=UTC)
    assert read.metadata == {"draft": "true"}
    assert read.text.startswith("# Not the title")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A *fine* [plan](x.html)\n\ntext", "A fine plan"),
        ("text before\n\n## Second level ##\n", "Second level"),
        ("Set in two lines\n================\n\ntext", "Set in two lines"),
        ("```sh\n# a comment\n```\n# The title\n", "The title"),
        ("no heading at all\n\nmore", "no heading at all"),
        ("---\nno: end of the fields\n\ntext", "---"),
    ],
)
def test_the_first_heading_is_the_title_of_markdown(text, expected):
    assert said(text.encode(), "a.md").title == expected


def test_the_written_language_counts_more_than_the_declared_one():
    german = "---\nlang: en\n---\nBitte senden Sie den unterschriebenen Vertrag bis Freitagabend zurück."

    assert said(german.encode(), "a.md").language == "de"
    assert said(b"---\nlang: is\n---\n1234", "a.md").language == "is"
    assert said(b"---\nlang: nonsense!\n---\n1234", "a.md").language == "und"
