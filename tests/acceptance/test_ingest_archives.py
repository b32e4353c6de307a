"""Archives in: their members become documents, bad ones are one line, and what is unchanged is not read again."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import mailbox
import os
import re
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from backports import zstd

from octavo.ingest.limits import MIB, Limits
from octavo.ingest.summary import Progress
from tests.acceptance.ingesting import live, organization
from tests.unit.ingest.making import mail, pdf, word

LIMITED = Limits(max_archive_members=10, max_archive_bytes=4 * MIB)


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def zipped(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


async def names(view) -> set[str]:
    """Names of live documents, from the archive's own name on."""
    return {doc.name.rpartition("/in/")[2] async for doc in view.documents.find()}


@pytest.fixture
def into(folder: Path) -> Path:
    made = folder / "in"
    made.mkdir()
    return made


async def test_members_of_a_zip_are_documents_known_by_archive_and_path(db, view, into):
    files = {"a.txt": b"plain words", "deep/er/b.docx": word("in Word"), "c.pdf": pdf("printed")}
    archive = zip_of(into / "all.zip", files)

    summary = await view.ingest(into)

    documents = await live(view)
    content = await view.documents.content(documents["c.pdf"].id)
    assert (summary.files, summary.created, summary.failures) == (3, 3, [])
    assert await names(view) == {"all.zip!/a.txt", "all.zip!/deep/er/b.docx", "all.zip!/c.pdf"}
    assert documents["c.pdf"].metadata["source"] == f"{archive}!/c.pdf"
    assert await db.blobs.get(content.blob) == files["c.pdf"]


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("a.tar", lambda data: data),
        ("a.tar.gz", gzip.compress),
        ("a.tgz", gzip.compress),
        ("a.tar.bz2", bz2.compress),
        ("a.tar.xz", lzma.compress),
        ("a.tar.zst", zstd.compress),
    ],
)
async def test_members_of_a_tar_are_documents_however_it_is_compressed(view, into, name, packed):
    (into / name).write_bytes(packed(tarred({"notes/a.md": b"# One\n\ntext", "b.txt": b"two"})))

    summary = await view.ingest(into)

    assert summary.failures == []
    assert await names(view) == {f"{name}!/notes/a.md", f"{name}!/b.txt"}


async def test_the_second_run_does_not_open_an_archive_that_is_the_same(view, into):
    archive = zip_of(into / "a.zip", {"a.txt": b"one", "b.txt": b"two"})
    await view.ingest(into)
    status = archive.stat()
    archive.write_bytes(b"PK" + bytes(status.st_size - 2))  # would fail if anybody looked into it
    os.utime(archive, ns=(status.st_mtime_ns, status.st_mtime_ns))

    second = await view.ingest(into)

    assert (second.files, second.unchanged, second.failures) == (1, 1, [])


async def test_of_an_archive_that_was_made_again_only_what_differs_is_read(view, into):
    zip_of(into / "a.zip", {"same.txt": b"the same", "changed.txt": b"before", "lost.txt": b"gone soon"})
    await view.ingest(into)
    moment = (2020, 1, 2, 3, 4, 6)
    with zipfile.ZipFile(into / "a.zip") as old:
        same = old.getinfo("same.txt")
    with zipfile.ZipFile(into / "a.zip", "w") as archive:
        archive.writestr(same, b"the same")
        archive.writestr(zipfile.ZipInfo("changed.txt", moment), b"after")
        archive.writestr(zipfile.ZipInfo("new.txt", moment), b"new")

    summary = await view.ingest(into)

    told = (summary.files, summary.unchanged, summary.updated, summary.created, summary.deleted)
    assert told == (3, 1, 1, 1, 1)
    assert await names(view) == {"a.zip!/same.txt", "a.zip!/changed.txt", "a.zip!/new.txt"}


async def test_a_member_that_changed_but_for_size_and_date_is_read(view, into):
    moment = (2020, 1, 2, 3, 4, 6)
    for text in (b"one", b"two"):
        with zipfile.ZipFile(into / "a.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("a.txt", moment), text)
        await view.ingest(into)

    assert (await live(view))["a.txt"].body["text"] == "two"


async def test_sync_deletes_the_members_of_an_archive_that_vanished_and_of_no_other(view, into):
    zip_of(into / "gone.zip", {"a.txt": b"one"})
    zip_of(into / "here.zip", {"b.txt": b"two"})
    await view.ingest(into, sync=True)
    (into / "gone.zip").unlink()

    summary = await view.ingest(into, sync=True)

    assert summary.deleted == 1
    assert await names(view) == {"here.zip!/b.txt"}


async def test_an_archive_in_an_archive_is_opened_and_one_in_that_is_not(view, into):
    innermost = zipped({"c.txt": b"three"})
    inner = zipped({"b.txt": b"two", "innermost.zip": innermost})
    zip_of(into / "outer.zip", {"a.txt": b"one", "inner.zip": inner})

    summary = await view.ingest(into)

    assert await names(view) == {"outer.zip!/a.txt", "outer.zip!/inner.zip!/b.txt"}
    assert [(failure.code, failure.path.name) for failure in summary.failures] == [
        ("refused_file", "innermost.zip")
    ]


@pytest.mark.parametrize("name", ["../up.txt", "/etc/passwd", "a/../../b.txt", "..\\up.txt", "C:\\x.txt"])
async def test_a_name_that_leads_out_is_refused_and_the_others_go_on(view, into, name):
    (into / "a.zip").write_bytes(zipped({name: b"hostile", "good.txt": b"good"}))
    (into / "b.tar").write_bytes(tarred({name: b"hostile", "good.txt": b"good"}))

    summary = await view.ingest(into)

    assert [failure.code for failure in summary.failures] == ["refused_file", "refused_file"]
    assert await names(view) == {"a.zip!/good.txt", "b.tar!/good.txt"}


async def test_encrypted_members_are_one_line(view, into):
    data = bytearray(zipped({"a.txt": b"one", "b.txt": b"two"}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(mark, bytes(data)):
            data[found.start() + flags] |= 1
    (into / "a.zip").write_bytes(data)

    summary = await view.ingest(into)

    assert [(failure.path.name, failure.code) for failure in summary.failures] == [
        ("a.zip", "unreadable_file")
    ]
    assert "2 of its members are encrypted" in summary.failures[0].message


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("ratio.zip", zipped({"zeros.txt": bytes(3 * MIB)})),
        ("total.tar", tarred({f"{number}.bin": os.urandom(MIB) for number in range(5)})),
        ("many.zip", zipped({f"{number}.txt": b"x" for number in range(11)})),
        ("many.tar", tarred({f"{number}.txt": b"x" for number in range(11)})),
        ("torn.zip", zipped({"a.txt": b"x" * 1_000})[:-10]),
        ("torn.tar.gz", gzip.compress(tarred({"a.txt": os.urandom(9_000)}))[:-5_000]),
        ("none.tar", b"not at all " * 200),
        ("none.tar.xz", b"\xfd7zXZ\x00" + bytes(1_000)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_hostile_or_broken_archive_is_one_line_and_the_next_file_is_read(view, into, name, data):
    (into / name).write_bytes(data)
    (into / "z.txt").write_text("after it")

    summary = await view.ingest(into, limits=LIMITED)

    assert [failure.path.name for failure in summary.failures] == [name]
    assert summary.failures[0].code in {"refused_file", "unreadable_file"}
    assert summary.files == summary.done
    assert "z.txt" in await names(view)


async def test_a_directory_that_claims_to_be_huge_is_not_read(view, into):
    data = bytearray(zipped({"a.txt": b"x" * 100_000}))
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<L", 50_000)
    (into / "a.zip").write_bytes(bytes(60_000).join([b"PK\x03\x04", bytes(data)]))

    summary = await view.ingest(into, limits=LIMITED)

    assert [failure.path.name for failure in summary.failures] == ["a.zip"]
    assert "directory" in summary.failures[0].message


async def test_a_tar_whose_header_is_longer_than_any_name_is_refused(view, into):
    entry = tarfile.TarInfo("a.txt")
    entry.pax_headers = {"comment": "x" * 100_000}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry)
    (into / "a.tar").write_bytes(target.getvalue())

    summary = await view.ingest(into)

    assert [failure.code for failure in summary.failures] == ["refused_file"]


async def test_an_archive_with_a_bad_member_is_looked_at_again_and_its_good_ones_are_not(view, into):
    zip_of(into / "a.zip", {"good.txt": b"good", "bad.pdf": pdf("x" * 50, password="secret")})
    first = await view.ingest(into)

    second = await view.ingest(into)

    assert (first.created, len(first.failures)) == (1, 1)
    assert (second.unchanged, second.created, len(second.failures)) == (1, 0, 1)


async def test_hidden_members_and_links_are_passed_over(view, into):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo(".hidden/a.txt"))
        archive.addfile(tarfile.TarInfo("__MACOSX/a.txt"))
        archive.addfile(tarfile.TarInfo("seen.txt"))
    (into / "a.tar").write_bytes(target.getvalue())

    summary = await view.ingest(into)

    assert (summary.files, summary.failures) == (1, [])
    assert await names(view) == {"a.tar!/seen.txt"}


async def test_a_word_file_that_is_named_zip_is_a_word_file(view, into):
    (into / "letter.zip").write_bytes(word("Dear Ada"))

    await view.ingest(into)

    assert (await live(view))["letter.zip"].type == "word"


async def test_mails_of_a_mailbox_are_documents_that_keep_their_names(view, into):
    box = mailbox.mbox(into / "inbox.mbox")
    for number in range(3):
        message = mail(f"words of mail {number}\nFrom here on it goes on.", subject=f"Mail {number}")
        message.replace_header("Message-ID", f"<{number}@example.org>")
        box.add(message)
    box.flush()
    await view.ingest(into)
    box.remove(0)
    box.close()

    summary = await view.ingest(into)

    documents = await live(view)
    assert (summary.unchanged, summary.deleted) == (2, 1)
    assert {name: doc.type for name, doc in documents.items()} == {
        "1@example.org.eml": "email",
        "2@example.org.eml": "email",
    }
    assert documents["1@example.org.eml"].body["text"] == "words of mail 1\nFrom here on it goes on."


async def test_a_maildir_is_a_folder_of_mails(view, into):
    box = mailbox.Maildir(into / "Mail")
    box.add(mail("words", subject="Kept in a folder"))

    await view.ingest(into)

    assert [(doc.type, doc.body["title"]) async for doc in view.documents.find()] == [
        ("email", "Kept in a folder")
    ]


async def test_nothing_is_left_of_what_was_unpacked(view, into, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    zip_of(into / "a.zip", {f"{number}.txt": b"%d" % number for number in range(100)})

    await view.ingest(into)

    assert list(tmp_path.iterdir()) == []


async def test_a_run_that_ended_in_the_middle_of_an_archive_goes_on_where_it_was(view, into):
    zip_of(into / "a.zip", {f"{number}.txt": b"text %d" % number for number in range(500)})

    def end(reached: Progress) -> None:
        if reached.done >= 100:
            raise KeyError("ended from outside")

    with pytest.raises(KeyError):
        await view.ingest(into, progress=end)
    stored = len(await names(view))
    rest = await view.ingest(into)

    assert 0 < stored < 500
    assert (rest.unchanged, rest.created) == (stored, 500 - stored)


async def test_the_same_archive_of_two_organizations_is_two(db, view, into):
    archive = zip_of(into / "a.zip", {"a.txt": b"one", "b.txt": b"two"})
    other = await organization(db)
    await view.ingest(into)
    await other.ingest(into)
    archive.unlink()

    summary = await view.ingest(into, sync=True)

    assert (summary.deleted, len(await names(view)), len(await names(other))) == (2, 0, 2)
