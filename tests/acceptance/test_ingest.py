"""Files in: what becomes of them, what happens when they change or vanish, and that bad ones hold up nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

import octavo
from octavo.ingest.summary import Summary
from octavo.workspace import Workspace
from tests.acceptance.ingesting import found, live, organization
from tests.unit.ingest.making import package, pdf, word

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"


@pytest.fixture(scope="module")
async def examples(db: octavo.Octavo) -> tuple[Workspace, Summary]:
    """The example files, ingested and indexed."""
    view = await organization(db)
    summary = await view.ingest(EXAMPLES)
    await db.drain()
    return view, summary


async def test_every_file_of_the_examples_becomes_a_document_of_its_kind(examples):
    view, summary = examples

    kinds = {name: doc.type for name, doc in (await live(view)).items()}

    assert (summary.created, summary.failures) == (summary.files, [])
    assert kinds == {
        "geschaeftsbedingungen.md": "markdown",
        "meeting-notes.txt": "text",
        "news.mhtml": "webpage",
        "price-list.pdf": "pdf",
        "refund-policy.md": "markdown",
        "shipping.html": "html",
        "supply-agreement.docx": "word",
        "stale-beans.eml": "email",
        "re-stale-beans.eml": "email",
        "stale-beans.eml#1-order-20417.csv": "text",
    }


async def test_a_file_of_a_kind_nobody_reads_is_kept_as_other(view, folder):
    """S0-064: what no reader knows becomes a document of kind `other`."""
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 64)

    await view.ingest(folder)

    assert {name: doc.type for name, doc in (await live(view)).items()} == {"noise.bin": "other"}


async def test_an_attachment_tells_its_mail_and_keeps_its_own_bytes(db, examples):
    view, _ = examples

    attachment = (await live(view))["stale-beans.eml#1-order-20417.csv"]
    content = await view.documents.content(attachment.id)

    assert attachment.metadata["attached_to"] == str(EXAMPLES / "mail" / "stale-beans.eml")
    assert attachment.body["text"].strip() == (await db.blobs.get(content.blob)).decode().strip()


async def test_the_original_is_kept_as_it_was(db, examples):
    """S0-047, S0-082: the checksum is the SHA-256 of the original bytes, and names what the blob store gives back."""
    view, _ = examples
    documents = await live(view)
    originals = {path.name: path.read_bytes() for path in EXAMPLES.rglob("*") if path.is_file()}

    contents = {name: await view.documents.content(documents[name].id) for name in originals}

    assert {name: content.sha256 for name, content in contents.items()} == {
        name: hashlib.sha256(data).digest() for name, data in originals.items()
    }
    assert {name: await db.blobs.get(content.blob) for name, content in contents.items()} == originals


async def test_metadata_tells_source_size_and_what_the_file_says_of_itself(examples):
    view, _ = examples
    path = EXAMPLES / "price-list.pdf"

    doc = (await live(view))[path.name]

    told = {key: doc.metadata[key] for key in ("source", "bytes", "pages", "media_type")}
    assert told == {
        "source": str(path),
        "bytes": path.stat().st_size,
        "pages": 2,
        "media_type": "application/pdf",
    }
    assert (doc.body["title"], doc.body["author"]) == ("Wholesale price list", "Jonas Halden")


async def test_a_german_file_is_german_and_found_by_another_inflection(examples):
    view, _ = examples

    doc = (await live(view))["geschaeftsbedingungen.md"]

    assert doc.body["language"] == "de"
    assert "Verzögerung" not in doc.body["text"].replace("Verzögerungen", "")
    assert await found(view, "Verzögerung") == ["geschaeftsbedingungen.md"]


async def test_size_type_and_encoding_of_a_latin_1_file_are_told_and_its_text_is_unicode(view, folder):
    """S0-056: size, sniffed type and encoding are recorded, and the text is stored as UTF-8."""
    text = "Die Größe der Tür überprüfte der Händler früh am Morgen, danach fuhr er über die Brücke."
    (folder / "brief.txt").write_bytes(text.encode("latin-1"))

    await view.ingest(folder)

    doc = (await live(view))["brief.txt"]
    content = await view.documents.content(doc.id)
    assert doc.body["text"] == text
    assert (content.bytes, content.media_type) == (len(text), "text/plain")
    assert content.encoding in {"latin-1", "iso8859-1", "cp1252"}


async def test_counts_and_preview_follow_the_published_rules(view, folder):
    """S0-048, S0-080: the first 1,000 code points; words, characters and paragraphs, also of CJK and emoji."""
    text = "Two words\n\n漢字 👩‍👩‍👧\n\n" + "x" * 5_000
    (folder / "counted.txt").write_text(text, encoding="utf-8")

    await view.ingest(folder)

    content = await view.documents.content((await live(view))["counted.txt"].id)
    assert content.preview == text[:1_000]
    assert (content.words, content.characters, content.paragraphs) == (2 + 2 + 1, 11 + 4 + 2 + 5_000, 3)


async def test_a_second_run_reads_nothing(view, folder):
    shutil.copytree(EXAMPLES, folder / "copy")
    first = await view.ingest(folder)

    second = await view.ingest(folder)

    assert (second.unchanged, second.bytes, second.documents) == (first.files, 0, 0)


async def test_a_changed_file_becomes_the_next_version(db, view, folder):
    file = folder / "notes.txt"
    file.write_text("the kakapo cannot fly")
    await view.ingest(folder)
    file.write_text("the takahe cannot fly either")

    summary = await view.ingest(folder)
    await db.drain()

    doc = (await live(view))["notes.txt"]
    assert (summary.updated, doc.version) == (1, 2)
    assert (await view.documents.get(doc.id, version=1)).body["text"] == "the kakapo cannot fly"
    assert (await found(view, "kakapo"), await found(view, "takahe")) == ([], ["notes.txt"])


async def test_a_file_that_was_only_touched_makes_no_version_and_is_not_read_a_third_time(view, folder):
    file = folder / "notes.txt"
    file.write_text("the same as ever")
    await view.ingest(folder)
    os.utime(file, ns=(1, 1))

    touched = await view.ingest(folder)
    third = await view.ingest(folder)

    assert (touched.equal, touched.documents, third.unchanged) == (1, 0, 1)
    assert (await live(view))["notes.txt"].version == 1


async def test_sync_deletes_vanished_files_and_nothing_else(db, view, folder):
    shutil.copytree(EXAMPLES / "mail", folder / "mail")
    (folder / "here.txt").write_text("the numbat stays")
    await view.ingest(folder)
    (folder / "mail" / "stale-beans.eml").unlink()

    without = await view.ingest(folder)
    summary = await view.ingest(folder, sync=True)
    await db.drain()

    assert (without.deleted, summary.deleted) == (0, 2)
    assert set(await live(view)) == {"here.txt", "re-stale-beans.eml"}
    assert "stale-beans.eml" not in await found(view, "beans")
    assert await found(view, "numbat") == ["here.txt"]


async def test_a_file_that_comes_back_after_sync_is_a_document_again(view, folder):
    file = folder / "notes.txt"
    file.write_text("here today")
    await view.ingest(folder)
    file.unlink()
    await view.ingest(folder, sync=True)
    file.write_text("here today")

    await view.ingest(folder, sync=True)

    assert set(await live(view)) == {"notes.txt"}


async def test_a_file_that_changed_its_kind_is_one_document_of_the_new_kind(view, folder):
    file = folder / "report"
    file.write_text("plain words first")
    await view.ingest(folder)
    file.write_bytes(pdf("printed words now"))

    await view.ingest(folder)

    documents = await live(view)
    assert [(name, doc.type) for name, doc in documents.items()] == [("report", "pdf")]
    assert "printed words now" in documents["report"].body["text"]


async def test_hostile_and_broken_files_are_one_failure_each_and_the_others_go_on(view, folder):
    good = {"a-first.txt": b"before them", "z-last.docx": word("after them")}
    for name, data in good.items():
        (folder / name).write_bytes(data)
    (folder / "bomb.docx").write_bytes(package({"word/document.xml": b"<w:document>" + b" " * 300_000_000}))
    (folder / "encrypted.pdf").write_bytes(pdf("secret", password="secret"))
    (folder / "truncated.pdf").write_bytes(pdf("cut off " * 50)[:400])
    with (folder / "huge.txt").open("wb") as huge:
        huge.truncate(1 << 30)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "nowhere.txt").symlink_to("is-not-there.txt")
    os.mkfifo(folder / "pipe.txt")
    bad = {path.name for path in folder.iterdir()} - set(good)

    summary = await view.ingest(folder)

    assert Counter(failure.path.name for failure in summary.failures) == Counter(bad)
    assert {failure.code for failure in summary.failures} <= {"unreadable_file", "refused_file"}
    assert all(failure.message and "\n" not in failure.message for failure in summary.failures)
    assert set(await live(view)) == set(good)


async def test_a_mended_file_is_read_in_the_next_run(view, folder):
    file = folder / "report.pdf"
    file.write_bytes(pdf("whole again")[:300])
    broken = await view.ingest(folder)
    file.write_bytes(pdf("whole again"))

    mended = await view.ingest(folder)

    assert (len(broken.failures), mended.created, mended.failures) == (1, 1, [])


async def test_the_same_files_of_two_organizations_do_not_meet(db, folder):
    (folder / "ours.txt").write_text("the pangolin is shy")
    one, other = await organization(db), await organization(db)
    await one.ingest(folder)

    nothing_yet = await live(other)
    second = await other.ingest(folder)
    await db.drain()

    here, there = (await live(one))["ours.txt"], (await live(other))["ours.txt"]
    blobs = {(await view.documents.content(doc.id)).blob for view, doc in ((one, here), (other, there))}
    assert (nothing_yet, second.created) == ({}, 1)
    assert here.id != there.id
    assert len(blobs) == 2
    assert [hit.id for hit in (await one.search("pangolin")).hits] == [here.id]


async def test_bytes_that_are_no_file_become_a_document_too(view):
    summary = await view.ingest_bytes(b"# From a socket\n\nwords", name="sent.md")

    doc = (await live(view))["sent.md"]
    assert (summary.created, doc.type, doc.body["title"]) == (1, "markdown", "From a socket")
