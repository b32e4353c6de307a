"""Mail: what a reader is shown, what the header tells, and attachments as files of their own."""

from __future__ import annotations

import hashlib
from email.message import EmailMessage

import pytest

from octavo.ingest.extracted import Extracted, Unread
from octavo.ingest.limits import Limits
from tests.unit.ingest.making import MOMENT, mail, pdf, said, unread, word


def test_subject_sender_date_and_text_are_read():
    """S0-064"""
    read = said(mail("Dear Charles,\n\nthe engine runs.\n", subject="Große Nachricht").as_bytes(), "a.eml")

    assert (read.kind, read.title, read.author, read.created) == (
        "email",
        "Große Nachricht",
        "Ada Lovelace",
        MOMENT,
    )
    assert read.text == "Dear Charles,\n\nthe engine runs."
    assert read.metadata == {
        "from": "Ada Lovelace <ada@example.org>",
        "to": "Charles <charles@example.org>",
        "message_id": "<1@example.org>",
    }


@pytest.mark.parametrize(
    ("plain", "html", "text"),
    [
        ("plain text", "<p>rich <b>text</b></p>", "plain text"),
        (" \n", "<p>rich <b>text</b></p>", "rich text"),
    ],
)
def test_of_alternatives_the_plain_one_is_read_if_it_says_anything(plain, html, text):
    assert said(mail(plain, html=html).as_bytes(), "a.eml").text == text


def test_a_mail_of_html_alone_is_read_without_its_markup():
    message = mail()
    message.set_content("<style>p {}</style><p>Größe</p><p>zwei</p>", subtype="html", charset="iso-8859-1")

    assert said(message.as_bytes(), "a.eml").text == "Größe\n\nzwei"


def test_a_list_s_footer_does_not_hide_the_mail_before_it():
    message = mail()
    message.set_content("<p>the mail</p>", subtype="html")
    message.make_mixed()
    footer = EmailMessage()
    footer.set_content("the footer")
    message.attach(footer)

    assert said(message.as_bytes(), "a.eml").text == "the mail\n\nthe footer"


def test_attachments_are_read_as_files_of_their_own():
    message = mail("see the files")
    files = {
        "plan.pdf": pdf("a plan"),
        "Größe.docx": word("a size"),
        "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(30),
    }
    for name, data in files.items():
        message.add_attachment(data, "application", "octet-stream", filename=name)

    read = said(message.as_bytes(), "a.eml")

    assert [
        (file.name, file.media_type.partition("/")[2], file.content.text) for file in read.attachments
    ] == [
        ("plan.pdf", "pdf", "a plan"),
        ("Größe.docx", "vnd.openxmlformats-officedocument.wordprocessingml.document", "a size"),
        ("picture.png", "png", ""),
    ]
    assert [file.data for file in read.attachments] == list(files.values())
    assert [file.sha256 for file in read.attachments] == [
        hashlib.sha256(data).digest() for data in files.values()
    ]
    assert read.text == "see the files"


def test_an_attachment_that_cannot_be_read_is_kept_with_the_reason():
    message = mail("see the file")
    message.add_attachment(b"%PDF-1.4 torn", "application", "pdf", filename="torn.pdf")

    (attachment,) = said(message.as_bytes(), "a.eml").attachments

    assert isinstance(attachment.content, Unread)
    assert (attachment.content.code, attachment.data) == ("unreadable_file", b"%PDF-1.4 torn")


def test_names_of_attachments_have_no_folders_and_are_never_empty():
    message = mail("files")
    message.add_attachment(b"1", "text", "plain", filename="../../etc/passwd")
    message.add_attachment(b"2", "text", "plain", filename="C:\\Users\\ada\\notes.txt")
    message.add_attachment(mail("inside"))

    names = [attachment.name for attachment in said(message.as_bytes(), "a.eml").attachments]

    assert names == ["passwd", "notes.txt", "attachment-3.eml"]


def _nested(depth: int) -> EmailMessage:
    message = mail("level 0", subject="0")
    for level in range(1, depth):
        outer = mail(f"level {level}", subject=str(level))
        outer.add_attachment(message)
        message = outer
    return message


def test_mails_in_mails_are_read_to_the_depth_of_the_limit():
    content: Extracted | Unread = said(_nested(50).as_bytes(), "a.eml")
    titles = []
    while isinstance(content, Extracted):
        titles.append(content.title)
        content = content.attachments[0].content

    assert titles == ["49", "48", "47", "46"]
    assert (content.code, "4 others" in content.message) == ("refused_file", True)


def test_mails_nested_5_000_deep_are_one_line():
    part = b"Content-Type: message/rfc822\n\n"

    failed = unread(b"From: a@b\nTo: c@d\nDate: x\nMIME-Version: 1.0\n" + part * 5_000 + b"text", "a.eml")

    assert (failed.code, "nested" in failed.message) == ("refused_file", True)


def test_more_attachments_than_the_limit_are_refused():
    message = mail("files")
    for number in range(4):
        message.add_attachment(b"x", "text", "plain", filename=f"{number}.txt")

    assert "4 attachments" in unread(message.as_bytes(), "a.eml", Limits(max_attachments=3)).message


def test_a_mailbox_is_refused_and_a_mail_of_one_is_read():
    one = b"From ada@example.org Tue Mar  5 15:30:00 2024\n" + mail("text").as_bytes(unixfrom=False)

    assert said(one, "one.mail").text == "text"
    assert "mailbox" in unread(one + b"\n" + one, "inbox.mail").message


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (b"Subject: =?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
        (b"Subject: =?iso-8859-1?Q?Gr=FC=DFe?=", "Grüße"),
        (b"Subject: =?no-such?Q?Gr=FC?=", "=?no-such?Q?Gr=FC?="),
        (b"Subject: =?utf-8?B?broken!?=", "=?utf-8?B?broken!?="),
        ("Subject: Grüße".encode(), "Grüße"),
        (b"Subject: a long one\n that goes on", "a long one that goes on"),
        (b"Subject:", "a"),
        (b"X: y", "a"),
    ],
)
def test_subjects_are_decoded_and_broken_ones_stay_as_they_are(header, subject):
    data = b"From: a@b\nTo: c@d\nDate: nonsense\n" + header + b"\n\ntext"

    read = said(data, "a.eml")

    assert (read.title, read.created) == (subject, None)


@pytest.mark.parametrize(
    "part",
    [
        b"Content-Type: text/plain; charset=no-such\n\ncaf\xe9",
        b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!!!",
        b"Content-Type: multipart/mixed; boundary=x\n\nno parts",
        b"Content-Type: multipart/mixed\n\nno boundary",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\n--x--",
        b"Content-Type: ;;;\n\ntext",
        b"Content-Disposition: attachment; filename*=utf-9''%FF\n\ntext",
    ],
)
def test_broken_mails_are_read_as_far_as_they_go(part):
    assert said(b"From: a@b\nTo: c@d\nDate: x\nMIME-Version: 1.0\n" + part, "a.eml").kind == "email"
