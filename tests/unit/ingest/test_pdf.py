"""PDF, as fpdf2 writes it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from octavo.ingest.extract.pdf import time_of
from octavo.ingest.limits import Limits
from tests.unit.ingest.making import MOMENT, pdf, said, unread


def test_text_title_author_dates_and_pages_are_read():
    """S0-064"""
    read = said(pdf("The first page.", "And the second.", title="The Plan", author="Ada"), "plan.pdf")

    assert (read.kind, read.title, read.author, read.created) == ("pdf", "The Plan", "Ada", MOMENT)
    assert read.text == "The first page.\n\nAnd the second."
    assert (read.metadata["pages"], read.media_type, read.encoding) == (2, "application/pdf", None)


def test_a_file_without_a_title_has_its_first_line():
    assert said(pdf("A first line\nand more"), "plan.pdf").title == "A first line"
    assert said(pdf("A first line", title="Microsoft Word - Letter"), "plan.pdf").title == "Letter"
    assert said(pdf(""), "plan.pdf").title == "plan"


def test_an_encrypted_file_says_what_to_do():
    failed = unread(pdf("secret", password="secret"), "a.pdf")

    assert (failed.code, "password" in failed.message) == ("unreadable_file", True)


def test_a_file_anyone_may_open_is_read_although_it_is_encrypted():
    assert said(pdf("public", password=""), "a.pdf").text == "public"


@pytest.mark.parametrize("end", [10, 200, -200])
def test_a_torn_file_is_one_line(end):
    assert unread(pdf("text " * 500)[:end], "a.pdf").message.startswith("the PDF is broken")


def test_more_pages_and_characters_than_the_limits_are_refused():
    pages = pdf(*["page"] * 5)

    assert "5 pages" in unread(pages, "a.pdf", Limits(max_pages=4)).message
    assert unread(pages, "a.pdf", Limits(max_text_characters=10)).code == "refused_file"


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("D:20240305143000Z", MOMENT),
        ("D:20240305153000+01'00'", MOMENT),
        ("D:20240305100000-04'30", MOMENT),
        ("20240305143000", MOMENT),
        ("D:2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("D:20241399", None),
        ("D:00010101000000+23'59'", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_dates_are_read_as_pdf_writes_them(written, moment):
    assert time_of(written) == moment
