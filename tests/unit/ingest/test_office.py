"""Office files: as other programs write them, and hostile ones as raw XML."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from ebooklib import epub
from odf import opendocument, table, teletype, text
from odf.opendocument import OpenDocumentSpreadsheet
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from pptx import Presentation
from pptx.util import Inches

from octavo.ingest.limits import Limits
from tests.unit.ingest.making import package, said, unread

CORPUS = Path(__file__).parents[2] / "corpus" / "office"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)


def workbook_bytes(book: Workbook) -> bytes:
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def sheet_xml(rows: str, **parts: str) -> bytes:
    """A spreadsheet with this XML in its only sheet."""
    book = f'<workbook xmlns="{_MAIN}" xmlns:r="{_R}"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>'
    relations = (
        f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" Type="{_R}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>'
    )
    return package(
        {
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": relations,
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>',
            **parts,
        }
    )


def odf(body: str, kind: str = "text", **parts: str) -> bytes:
    """An OpenDocument file with this XML in its body."""
    return package(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document {_ODF}><office:body>{body}</office:body></office:document>",
            **parts,
        }
    )


def test_the_same_text_made_by_pandoc_is_read_out_of_every_format():
    """Four formats of one document: heading, quotation marks, a table, a list, a note, other scripts."""
    for name, kind in [
        ("sample.odt", "word"),
        ("sample.rtf", "word"),
        ("sample.epub", "other"),
        ("sample.pptx", "other"),
    ]:
        read = said((CORPUS / name).read_bytes(), name)

        assert (read.kind, read.title, read.language) == (kind, "The roastery\u2019s year", "en"), name
        for passage in (
            "Harvest\n",
            "The beans of Sidamo arrived in “March” – late, as ever.",
            "March\t",
            "erstens Äpfel",
            "zweitens 漢字 and 👍",
            "A footnote about ships.",
        ):
            assert passage in read.text, (name, passage)


def test_cells_of_a_spreadsheet_are_lines_and_dates_are_dates():
    book = Workbook()
    book.properties.title, book.properties.creator = "Prices", "Ada"
    sheet = book.active
    sheet.title = "Wholesale"
    sheet.append(["bean", "price", "since", "open", "sold out", "at"])
    sheet.append(["Sidamo", 12.5, date(2024, 3, 5), True, None, time(14, 30)])
    sheet.append(
        [
            "Ünal  &\nSons",
            7,
            datetime(2024, 3, 5, 14, 30, tzinfo=UTC).replace(tzinfo=None),
            False,
            None,
            "=1+1",
        ]
    )
    sheet["C2"].number_format = "DD.MM.YYYY"
    sheet["B2"].number_format = '#,##0.00 "days"'
    book.create_sheet("Second").append(["more"])

    read = said(workbook_bytes(book), "prices.xlsx")

    assert (read.kind, read.title, read.author) == ("other", "Prices", "Ada")
    assert read.metadata == {"format": "spreadsheet", "sheets": ["Wholesale", "Second"]}
    assert read.text.split("\n") == [
        "Wholesale",
        "",
        "bean\tprice\tsince\topen\tsold out\tat",
        "Sidamo\t12.5\t2024-03-05\tTRUE\t\t14:30:00",
        "Ünal & Sons\t7\t2024-03-05 14:30:00\tFALSE",
        "",
        "Second",
        "",
        "more",
    ]


def test_a_calendar_that_begins_in_1904_gives_the_same_dates():
    book = Workbook()
    book.epoch = CALENDAR_MAC_1904
    book.active.append([date(2024, 3, 5)])

    assert "2024-03-05" in said(workbook_bytes(book), "mac.xlsx").text


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('<c r="A1" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c>', "inline"),
        ('<c r="A1" t="str"><f>A2</f><v>result</v></c>', "result"),
        ('<c r="A1" t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="A1" t="d"><v>2024-03-05</v></c>', "2024-03-05"),
        ('<c r="A1" t="s"><v>7</v></c><c r="B1"><v>1</v></c>', "\t1"),
        ('<c r="A1"><v>1</v></c><c r="XFD1"><v>2</v></c>', "1\t2"),
        ("<c><v>1</v></c><c><v>2</v></c>", "1\t2"),
    ],
)
def test_cells_of_every_kind(cell, shown):
    read = said(sheet_xml(f'<row r="1">{cell}</row>'), "a.xlsx")

    assert read.text.removeprefix("S\n\n").strip("\n") == shown.strip("\n") or read.text.endswith(
        shown.strip()
    )


def test_two_cells_at_the_far_corners_of_a_sheet_take_no_memory():
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'

    assert said(sheet_xml(rows), "a.xlsx").text == "S\n\n1\n2"


def test_a_text_that_many_cells_share_is_refused_when_all_are_too_long():
    relations = (
        f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" Type="x" Target="worksheets/sheet1.xml"/>'
        '<Relationship Id="r2" Type="x" Target="sharedStrings.xml"/></Relationships>'
    )
    data = sheet_xml(
        '<row><c t="s"><v>0</v></c></row>' * 100,
        **{
            "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}"><si><t>{"x" * 1_000}</t></si></sst>',
            "xl/_rels/workbook.xml.rels": relations,
        },
    )

    assert unread(data, "a.xlsx", Limits(max_text_characters=50_000)).code == "refused_file"
    assert len(said(data, "a.xlsx").text) > 100_000


def test_slides_come_in_their_order_with_tables_and_notes():
    show = Presentation()
    show.core_properties.author = "Ada"
    for title in ("First", "Second"):
        slide = show.slides.add_slide(show.slide_layouts[5])
        slide.shapes.title.text = title
    cells = show.slides[0].shapes.add_table(1, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    cells.cell(0, 0).text, cells.cell(0, 1).text = "left", "right"
    show.slides[1].notes_slide.notes_text_frame.text = "do not forget"
    ids = show.slides._sldIdLst
    ids.append(ids[0])  # the first slide is shown last
    target = io.BytesIO()
    show.save(target)

    read = said(target.getvalue(), "show.pptx")

    assert (read.kind, read.author, read.metadata["format"], read.metadata["slides"]) == (
        "other",
        "Ada",
        "presentation",
        2,
    )
    assert read.text == "Second\n\ndo not forget\n\nFirst\nleft\tright"


def test_an_opendocument_spreadsheet_is_lines_of_cells():
    book = OpenDocumentSpreadsheet()
    sheet = table.Table(name="Beans")
    for cells in (["bean", "bags"], ["Sidamo", "40"]):
        row = table.TableRow()
        for cell in cells:
            made = table.TableCell()
            made.addElement(text.P(text=cell))
            row.addElement(made)
        sheet.addElement(row)
    book.spreadsheet.addElement(sheet)
    target = io.BytesIO()
    book.save(target)

    read = said(target.getvalue(), "beans.ods")

    assert (read.kind, read.metadata["format"]) == ("other", "spreadsheet")
    assert read.text == "Beans\n\nbean\tbags\nSidamo\t40"


def test_what_odfpy_reads_out_of_a_document_is_in_the_text():
    """Held against another reader: every paragraph it finds is there."""
    data = (CORPUS / "sample.odt").read_bytes()
    document = opendocument.load(io.BytesIO(data))

    read = " ".join(said(data, "a.odt").text.split())

    for paragraph in document.getElementsByType(text.P):
        words = " ".join(teletype.extractText(paragraph).split()).replace("1A footnote about ships.", "")
        assert words in read or words == "1"  # the number of the note


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<text:p>a<text:s text:c='3'/>b<text:tab/>c<text:line-break/>d</text:p>", "a   b\tc\nd"),
        (
            "<text:p>kept</text:p><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>",
            "kept",
        ),
        ("<text:p>text<office:annotation><text:p>comment</text:p></office:annotation></text:p>", "text"),
        (
            "<text:p>on<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>note</text:p>"
            "</text:note-body></text:note>ward</text:p><text:p>next</text:p>",
            "onward\n\nnext\n\nnote",
        ),
        ("<text:p/><text:p>x</text:p>", "x"),
    ],
)
def test_what_a_reader_of_an_opendocument_text_sees_is_text(body, expected):
    assert said(odf(body), "a.odt").text == expected


def test_what_a_few_bytes_repeat_a_thousand_million_times_is_not():
    cell = (
        '<table:table-cell table:number-columns-repeated="1000000000"><text:p>x</text:p></table:table-cell>'
    )
    row = f'<table:table-row table:number-rows-repeated="1000000000">{cell}</table:table-row>'

    assert said(odf(f"<table:table>{row}</table:table>", "spreadsheet"), "a.ods").text == "\t".join("x" * 64)
    assert len(said(odf("<text:p>a<text:s text:c='1000000000'/>b</text:p>"), "a.odt").text) == 102


def test_an_encrypted_opendocument_file_says_what_to_do():
    manifest = '<m:manifest xmlns:m="m"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>'

    refused = unread(odf("", **{"META-INF/manifest.xml": manifest}), "a.odt")

    assert (refused.code, "password" in refused.message) == ("unreadable_file", True)


def test_a_book_is_its_pages_in_reading_order():
    book = epub.EpubBook()
    book.set_title("Beans")
    book.set_language("en")
    book.add_author("Ada")
    pages = []
    for name in ("second", "first"):
        page = epub.EpubHtml(title=name, file_name=f"{name}.xhtml")
        page.content = f"<h1>{name}</h1><p>The words of the {name} chapter.</p><script>no()</script>"
        book.add_item(page)
        pages.append(page)
    book.spine = list(reversed(pages))
    book.add_item(epub.EpubNcx())
    target = io.BytesIO()
    epub.write_epub(target, book)

    read = said(target.getvalue(), "beans.epub")

    assert (read.kind, read.title, read.author, read.metadata["format"]) == ("other", "Beans", "Ada", "book")
    assert (
        read.text == "first\n\nThe words of the first chapter.\n\nsecond\n\nThe words of the second chapter."
    )


def book_parts(pages: str, **parts: str) -> bytes:
    """An EPUB with one page that its reading order names as often as is said."""
    container = '<container><rootfiles><rootfile full-path="o/b.opf"/></rootfiles></container>'
    described = (
        '<package xmlns:dc="dc"><metadata><dc:title>T</dc:title></metadata><manifest>'
        f'<item id="p" href="p.xhtml" media-type="application/xhtml+xml"/></manifest><spine>{pages}</spine></package>'
    )
    return package(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "o/b.opf": described,
            "o/p.xhtml": "<!DOCTYPE html><html><body><p>once</p></body></html>",
            **parts,
        }
    )


def test_a_page_that_the_reading_order_names_again_and_again_is_read_once():
    assert said(book_parts('<itemref idref="p"/>' * 10_000), "a.epub").text == "once"


def test_a_protected_book_is_one_line_and_protected_fonts_are_nothing():
    def encrypted(part: str) -> dict[str, str]:
        return {"META-INF/encryption.xml": f'<encryption><CipherReference URI="{part}"/></encryption>'}

    refused = unread(book_parts('<itemref idref="p"/>', **encrypted("o/p.xhtml")), "a.epub")

    assert (refused.code, "protected" in refused.message) == ("unreadable_file", True)
    assert said(book_parts('<itemref idref="p"/>', **encrypted("o/font.otf")), "a.epub").text == "once"


@pytest.mark.parametrize(
    ("rtf", "expected"),
    [
        (rb"{\rtf1\ansi one\par two}", "one\n\ntwo"),
        (rb"{\rtf1\ansi\ansicpg1250 P\'f8\'edli\'9a}", "Příliš"),
        (
            rb"{\rtf1{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial Cyr;}}\f1 \'cf\'f0\'e8\'e2\'e5\'f2\f0 , you}",
            "Привет, you",
        ),
        (rb"{\rtf1{\fonttbl{\f0\fcharset128 MS Mincho;}}\f0 \'8a\'bf\'8e\'9a}", "漢字"),
        (rb"{\rtf1\uc1 \u28450?\u23383?{\uc2 \u12354??!}}", "漢字あ!"),
        (rb"{\rtf1\uc1 \u-10179?\u-9191?}", "🐙"),
        (
            rb"{\rtf1 a{\*\unknown dropped}{\header dropped}b{\field{\*\fldinst HYPERLINK x}{\fldrslt link}}}",
            "ablink",
        ),
        (rb"{\rtf1 a{\pict\bin5 {}\'}}b}", "ab"),
        (rb"{\rtf1\trowd a\cell b\cell\row\trowd c\cell d\cell\row}", "a\tb\nc\td"),
        (rb"{\rtf1 gone{\deleted  not here} back\~here\emdash\ldblquote x\rdblquote}", "gone back here—“x”"),
        (b"{\\rtf1 one\r\ntwo \\{braces\\} \\\\}", "onetwo {braces} \\"),
        (rb"{\rtf1 text{\footnote the note} goes on}", "text goes on\n\nthe note"),
    ],
)
def test_what_a_reader_of_rich_text_sees_is_text(rtf, expected):
    read = said(rtf, "a.rtf")

    assert (read.kind, read.text) == ("word", expected)


def test_what_rich_text_tells_of_itself():
    read = said(
        rb"{\rtf1{\info{\title The Plan}{\author Ada}{\creatim\yr2024\mo3\dy5\hr14\min30}{\*\company X}}text}",
        "a.rtf",
    )

    assert (read.title, read.author, read.text) == ("The Plan", "Ada", "text")
    assert read.created == datetime(2024, 3, 5, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "data",
    [rb"{\rtf1 not closed", rb"{\rtf1 \bin999999999 x}", b"{\\rtf1 " + b"{" * 20_000, b"{\\rtf1 \\"],
    ids=["open", "binary", "deep", "backslash"],
)
def test_broken_rich_text_is_one_line(data):
    assert unread(data, "a.rtf").code == "unreadable_file"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.xlsx", sheet_xml("", **{"xl/workbook.xml": f"{_BOMB}<workbook>&b;</workbook>"})),
        ("a.odt", odf("", **{"content.xml": f"{_BOMB}<x>&b;</x>"})),
        ("a.epub", book_parts("", **{"o/b.opf": f"{_BOMB}<package>&b;</package>"})),
        ("a.xlsx", sheet_xml(" " * 30_000_000)),
        ("a.odt", odf(" " * 30_000_000)),
        ("a.epub", book_parts('<itemref idref="p"/>', **{"o/p.xhtml": " " * 30_000_000})),
    ],
    ids=["xlsx-entities", "odt-entities", "epub-entities", "xlsx-zip", "odt-zip", "epub-zip"],
)
def test_bombs_are_refused(name, data):
    assert unread(data, name).code == "refused_file"


@pytest.mark.parametrize("name", ["sample.odt", "sample.epub", "sample.pptx"])
def test_torn_files_are_one_line_wherever_they_are_torn(name):
    data = (CORPUS / name).read_bytes()

    for end in range(100, len(data), len(data) // 20):
        assert unread(data[:end], name).code in {"unreadable_file", "refused_file"}


def test_a_binary_spreadsheet_says_what_to_do():
    relations = (
        f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" Type="{_R}/officeDocument" '
        'Target="xl/workbook.bin"/></Relationships>'
    )

    refused = unread(package({"_rels/.rels": relations, "xl/workbook.bin": b"\x83\x01"}), "a.xlsb")

    assert (refused.code, ".xlsx" in refused.message) == ("refused_file", True)
