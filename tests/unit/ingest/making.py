"""Files for tests, made by other programs than the ones that read them where there is one."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

from docx import Document
from fpdf import FPDF

from octavo.ingest.extracted import Extracted, Unread
from octavo.ingest.extraction import attempt
from octavo.ingest.limits import Limits

MOMENT = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def said(data: bytes, name: str, limits: Limits | None = None) -> Extracted:
    """What a file that can be read says."""
    content = attempt(data, name, limits or Limits())
    assert isinstance(content, Extracted), content
    return content


def unread(data: bytes, name: str, limits: Limits | None = None) -> Unread:
    """Why a file cannot be read."""
    content = attempt(data, name, limits or Limits())
    assert isinstance(content, Unread), content
    return content


def pdf(*pages: str, title: str = "", author: str = "", password: str | None = None) -> bytes:
    """A PDF with one page a text."""
    document = FPDF()
    document.set_title(title)
    document.set_author(author)
    document.set_creation_date(MOMENT)
    document.set_font("helvetica", size=12)
    if password is not None:
        document.set_encryption(owner_password="owner", user_password=password)
    for page in pages:
        document.add_page()
        document.multi_cell(0, text=page)
    return bytes(document.output())


def word(*paragraphs: str, title: str = "", author: str = "", heading: str = "") -> bytes:
    """A Word file as python-docx writes it."""
    document = Document()
    document.core_properties.title = title
    document.core_properties.author = author
    document.core_properties.created = MOMENT.replace(tzinfo=None)
    if heading:
        document.add_heading(heading)
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    return saved(document)


def saved(document: object) -> bytes:
    """A document of python-docx as bytes."""
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def raw_word(body: str, **parts: str) -> bytes:
    """A Word file with this XML in its body, for what python-docx does not write."""
    xml = f'<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>'
    return package({"word/document.xml": xml, **parts})


def package(parts: dict[str, str | bytes]) -> bytes:
    """An archive with these parts."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def mail(text: str = "", *, subject: str = "Minutes", html: str | None = None) -> EmailMessage:
    """A mail as the standard library writes it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = "Ada Lovelace <ada@example.org>"
    message["To"] = "Charles <charles@example.org>"
    message["Subject"] = subject
    message["Date"] = "Tue, 05 Mar 2024 15:30:00 +0100"
    message["Message-ID"] = "<1@example.org>"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message
