"""Word files: as python-docx writes them, and what it does not write as raw XML."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from docx import Document

from octavo.ingest.limits import MIB, Limits
from tests.unit.ingest.making import MOMENT, package, raw_word, said, saved, unread, word

_TEXT = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
_RUN = "<w:r><w:t>"
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><w:document>&i;</w:document>"
)


def test_text_title_author_and_dates_are_read():
    """S0-064"""
    read = said(word("Erster Absatz.", "Zweiter Absatz.", title="Der Plan", author="Ada"), "plan.docx")

    assert (read.kind, read.title, read.author, read.created) == ("word", "Der Plan", "Ada", MOMENT)
    assert read.text == "Erster Absatz.\n\nZweiter Absatz."
    assert read.media_type == "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def test_the_first_heading_is_the_title_of_a_file_without_one():
    assert said(word("text", heading="A heading"), "plan.docx").title == "A heading"
    assert said(word("A first line", "text"), "plan.docx").title == "A first line"
    assert said(word(), "plan.docx").title == "plan"


def test_tables_are_rows_of_lines():
    document = Document()
    document.add_paragraph("before")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip((cell for row in table.rows for cell in row.cells), "abcd", strict=True):
        cell.text = text
    document.add_paragraph("after")

    assert said(saved(document), "a.docx").text == "before\n\na\tb\nc\td\n\nafter"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (f"<w:p><w:ins>{_RUN}new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>", "new"),
        (f"<w:p><w:moveFrom>{_RUN}from</w:t></w:r></w:moveFrom><w:moveTo>{_RUN}to</w:t></w:r></w:moveTo></w:p>", "to"),
        ("<w:sdt><w:sdtContent>" + _TEXT.format("in a control") + "</w:sdtContent></w:sdt>", "in a control"),
        (f"<w:p><w:tabs><w:tab/></w:tabs>{_RUN}a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a\tb\nc"),
        ("<w:p><w:hyperlink><w:r><w:t>a link</w:t></w:r></w:hyperlink></w:p>", "a link"),
        ("<w:p><w:r><w:instrText>PAGE</w:instrText><w:t>7</w:t></w:r></w:p>", "7"),
        (
            '<w:p><w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
            f"<mc:Choice><w:txbxContent>{_TEXT.format('box')}</w:txbxContent></mc:Choice>"
            f"<mc:Fallback><w:txbxContent>{_TEXT.format('box')}</w:txbxContent></mc:Fallback>"
            "</mc:AlternateContent></w:r></w:p>",
            "box",
        ),
        ("<w:p><w:r><w:t>non</w:t><w:softHyphen/><w:noBreakHyphen/><w:t>breaking</w:t></w:r></w:p>", "non-breaking"),
    ],
)  # fmt: skip
def test_what_a_reader_sees_is_text_and_nothing_else(body, text):
    assert said(raw_word(body), "a.docx").text == text


def test_notes_come_after_the_text():
    notes = (
        '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:footnote>{_TEXT.format('a note')}</w:footnote></w:footnotes>"
    )

    assert (
        said(raw_word(_TEXT.format("text"), **{"word/footnotes.xml": notes}), "a.docx").text
        == "text\n\na note"
    )


def test_the_strict_variant_and_another_name_of_the_document_are_read():
    body = _TEXT.format("strict")
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="1" '
        'Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument" Target="/word/document2.xml"/>'
        "</Relationships>"
    )
    xml = f'<w:document xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main"><w:body>{body}</w:body></w:document>'

    assert said(package({"_rels/.rels": relations, "word/document2.xml": xml}), "a.docx").text == "strict"


def test_dates_without_a_zone_are_utc():
    core = (
        '<cp:coreProperties xmlns:cp="c" xmlns:dc="d" xmlns:t="t"><t:modified>2024-03-06T10:00:00</t:modified>'
        "<dc:description>About it</dc:description></cp:coreProperties>"
    )

    read = said(raw_word(_TEXT.format("x"), **{"docProps/core.xml": core}), "a.docx")

    assert read.modified == datetime(2024, 3, 6, 10, tzinfo=UTC)
    assert read.metadata == {"description": "About it"}


def test_an_entity_bomb_is_refused():
    refused = unread(package({"word/document.xml": _BOMB}), "a.docx")

    assert (refused.code, "document type" in refused.message) == ("refused_file", True)


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    bomb = package({"word/document.xml": b"<w>" + b" " * (64 * MIB)})

    refused = unread(bomb, "a.docx")

    assert len(bomb) < MIB
    assert (refused.code, "67,108,867 bytes" in refused.message) == ("refused_file", True)


def test_a_part_over_the_limit_is_refused_however_it_is_packed():
    limits = Limits(max_unpacked_bytes=10_000, max_unpacked_ratio=1_000_000)

    assert unread(raw_word(_TEXT.format("x" * 10_000)), "a.docx", limits).code == "refused_file"


def test_a_text_over_the_limit_is_refused():
    assert unread(word("x" * 1_001), "a.docx", Limits(max_text_characters=1_000)).code == "refused_file"


@pytest.mark.parametrize("end", [100, 1_000, 5_000, -30])
def test_a_torn_file_is_one_line(end):
    assert unread(word("text")[:end], "a.docx").code in {"unreadable_file", "refused_file"}


def test_broken_parts_are_one_line():
    assert (
        unread(package({"word/document.xml": "<w:document><unclosed>"}), "a.docx").code == "unreadable_file"
    )
    assert unread(package({"word/styles.xml": "<x/>"}), "a.docx").message.startswith(
        "the Word file has no document"
    )


def test_an_encrypted_file_and_an_old_one_say_what_to_do():
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)

    assert "password" in unread(ole + "EncryptedPackage".encode("utf-16-le"), "a.docx").message
    assert ".docx" in unread(ole + "WordDocument".encode("utf-16-le"), "a.doc").message


def test_100_000_elements_nested_in_each_other_are_read():
    deep = "<w:sdt>" * 100_000 + _TEXT.format("deep") + "</w:sdt>" * 100_000

    assert said(raw_word(deep), "a.docx", Limits(max_unpacked_ratio=10_000)).text == "deep"
