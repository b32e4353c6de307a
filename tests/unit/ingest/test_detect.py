"""What a file is, told by its content; its name only tells kinds of text apart."""

from __future__ import annotations

import time

import pytest

from octavo.ingest.detect import detect
from tests.unit.ingest.making import mail, package, pdf, word

_HTML = b"<!DOCTYPE html>\n<html><head><title>x</title></head><body><p>x</p></body></html>"
_MHTML = (
    b"From: <Saved by Blink>\r\nSnapshot-Content-Location: https://example.org/\r\nSubject: Page\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\tboundary="x"\r\n\r\n--x--\r\n'
)
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
_OFFICE = "application/vnd.openxmlformats-officedocument"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)


@pytest.mark.parametrize(
    ("kind", "data", "name"),
    [
        ("pdf", pdf("text"), "a.pdf"),
        ("word", word("text"), "a.docx"),
        ("text", b"plain text", "a.txt"),
        ("markdown", b"# Heading", "a.md"),
        ("html", _HTML, "a.html"),
        ("email", mail("text").as_bytes(), "a.eml"),
        ("webpage", _MHTML, "a.mhtml"),
        ("other", _PNG, "a.png"),
    ],
)
def test_each_of_the_eight_kinds_is_found(kind, data, name):
    """S0-064"""
    found = detect(data, name)

    assert (found.kind, found.is_misnamed) == (kind, False)


@pytest.mark.parametrize(
    ("kind", "data", "name"),
    [
        ("pdf", pdf("text"), "report.txt"),
        ("word", word("text"), "letter.pdf"),
        ("html", _HTML, "page.txt"),
        ("email", mail("text").as_bytes(), "mail.txt"),
        ("other", _PNG, "notes.txt"),
        ("other", _PNG, "scan.pdf"),
        ("text", b"no PDF at all", "empty.pdf"),
    ],
)
def test_content_counts_more_than_the_name_and_the_difference_is_told(kind, data, name):
    found = detect(data, name)

    assert (found.kind, found.is_misnamed) == (kind, True)


@pytest.mark.parametrize(
    ("data", "name", "kind", "media_type"),
    [
        (b"", "empty", "text", "text/plain"),
        (b"", "empty.txt", "text", "text/plain"),
        (b'{"a": 1}', "a.json", "text", "application/json"),
        (b"a,b\n1,2\n", "a.csv", "text", "text/csv"),
        (b"body { color: red }", "a.css", "text", "text/css"),
        (b"<p>a fragment", "a.html", "html", "text/html"),
        (b"<p>a fragment", "stdin", "html", "text/html"),
        (b"<p>a note in Markdown", "a.md", "markdown", "text/markdown"),
        (b"<template>a component</template>", "a.vue", "text", "text/plain"),
        (b"<?xml version='1.0'?><book/>", "a.xml", "text", "text/xml"),
        (b"<?xml version='1.0'?><!DOCTYPE html><html/>", "a.xhtml", "html", "application/xhtml+xml"),
        (b"<!-- one --><!-- two -->\n<html>", "a", "html", "text/html"),
        (b"{\\rtf1 rich}", "a.rtf", "word", "application/rtf"),
        (b"%!PS-Adobe-3.0", "a.txt", "other", "application/postscript"),
        ("Straße".encode("utf-16"), "a.txt", "text", "text/plain"),
        ("<html><p>Straße".encode("utf-16"), "a", "html", "text/html"),
        ("Straße und mehr".encode("utf-16-le"), "a.txt", "text", "text/plain"),
        ("Straße".encode("latin-1"), "a.txt", "text", "text/plain"),
        (_PNG, "a", "other", "image/png"),
        (bytes(range(256)) * 8, "a.bin", "other", "application/octet-stream"),
        (_OLE + "WordDocument".encode("utf-16-le"), "a.doc", "other", "application/msword"),
        (_OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", "other", "application/x-ole-encrypted"),
        (package({"xl/workbook.xml": "<x/>"}), "a.xlsx", "other", f"{_OFFICE}.spreadsheetml.sheet"),
        (package({"mimetype": "application/epub+zip"}), "a.epub", "other", "application/epub+zip"),
        (package({"a.txt": "x"}), "a.zip", "other", "application/zip"),
        (word("torn")[:3000], "a.docx", "word", f"{_OFFICE}.wordprocessingml.document"),
        (b"Subject: a note\nno mail at all\n", "a.txt", "text", "text/plain"),
        (b"Subject: short\n\ntext", "a.eml", "email", "message/rfc822"),
        (b"From a@b Mon Jan  1 00:00:00 2024\nFrom: a@b\nTo: c\nDate: x\n\ntext", "a", "email", "message/rfc822"),
        (b"<!DOCTYPE html>\n<!-- saved from url=(0014)https://e.org/ -->", "a.html", "webpage", "text/html"),
        (b"<!DOCTYPE html><html><!--\n Page saved with SingleFile\n url: x -->", "a.html", "webpage", "text/html"),
    ],
)  # fmt: skip
def test_kinds_and_media_types(data, name, kind, media_type):
    found = detect(data, name)

    assert (found.kind, found.media_type) == (kind, media_type)


@pytest.mark.parametrize(
    "data",
    [
        b"<!---->" * 100_000,
        b"<!--" * 100_000,
        b"a:\n" * 100_000,
        b"From: a\n" + b" x\n" * 100_000,
        b" " * 500_000,
    ],
)
def test_no_content_makes_telling_slow(data):
    start = time.process_time()

    detect(data, "file")

    assert time.process_time() - start < 0.5
