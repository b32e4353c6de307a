"""Saved web pages, as browsers save them."""

from __future__ import annotations

import plistlib
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from tests.unit.ingest.making import said, unread

_HTML = "<html><head><title>Café</title></head><body><p>Déjà vu au café.</p></body></html>"


def _mhtml(encoding: str = "utf-8") -> bytes:
    """As Chromium saves: the page, then what it shows."""
    archive = EmailMessage(policy=SMTP)
    archive["From"] = "<Saved by Blink>"
    archive["Snapshot-Content-Location"] = "https://example.org/café"
    archive["Subject"] = "Café"
    archive.set_content(_HTML, subtype="html", charset=encoding, cte="quoted-printable")
    archive.add_related(b"body {}", "text", "css")
    archive.add_related(b"GIF89a", "image", "gif")
    return archive.as_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_mhtml_is_read_with_its_address(encoding):
    """S0-064"""
    read = said(_mhtml(encoding), "page.mhtml")

    assert (read.kind, read.title, read.text) == ("webpage", "Café", "Déjà vu au café.")
    assert read.metadata["url"] == "https://example.org/café"
    assert read.attachments == []


def test_mhtml_without_a_page_is_one_line():
    data = b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x--\r\n"

    assert unread(data, "page.mhtml").code == "unreadable_file"


@pytest.mark.parametrize(
    ("note", "address"),
    [
        ("<!-- saved from url=(0020)https://example.org/ -->", "https://example.org/"),
        (
            "<!--\n Page saved with SingleFile \n url: https://example.org/single \n-->",
            "https://example.org/single",
        ),
    ],
)
def test_a_page_saved_as_html_knows_where_it_came_from(note, address):
    read = said(f"<!DOCTYPE html>\n{note}\n{_HTML}".encode(), "page.html")

    assert (read.kind, read.metadata["url"], read.text) == ("webpage", address, "Déjà vu au café.")


@pytest.mark.parametrize("format", [plistlib.FMT_BINARY])
def test_a_web_archive_of_safari_is_read(format):
    resource = {
        "WebResourceData": _HTML.encode("latin-1"),
        "WebResourceTextEncodingName": "ISO-8859-1",
        "WebResourceURL": "https://example.org/",
        "WebResourceMIMEType": "text/html",
    }

    read = said(plistlib.dumps({"WebMainResource": resource}, fmt=format), "page.webarchive")

    assert (read.kind, read.text, read.metadata["url"]) == (
        "webpage",
        "Déjà vu au café.",
        "https://example.org/",
    )


def test_a_broken_web_archive_is_one_line():
    whole = plistlib.dumps({"WebMainResource": {"WebResourceData": b"x" * 500}}, fmt=plistlib.FMT_BINARY)

    assert unread(whole[:-40], "page.webarchive").code == "unreadable_file"
    assert (
        unread(plistlib.dumps({"WebMainResource": 1}, fmt=plistlib.FMT_BINARY), "a").code == "unreadable_file"
    )
