"""The blocking face does what the asynchronous one does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import octavo.sync
from octavo.errors import NotFound, Unavailable, VersionConflict


@pytest.fixture(scope="module")
def db(server):
    with octavo.sync.open(server.running.data) as opened:
        yield opened


def test_documents_are_put_patched_and_read_without_await(db):
    doc = db.documents.put("article", {"title": "Hello", "status": "draft"})

    changed = db.documents.patch(doc.id, {"status": "published"}, expect=1)

    assert (changed.version, db.documents.get(doc.id, version=1).body["status"]) == (2, "draft")


def test_labels_and_links_are_made_and_found_without_await(db):
    one, other = db.documents.put("article", {"n": 1}), db.documents.put("article", {"n": 2})
    db.labels.define("legal", colour="#aa3300")
    db.documents.label(one.id, "legal")
    db.documents.link(one.id, "references", other.id)

    assert [label.colour for label in db.documents.labels(one.id)] == ["#aa3300"]
    assert [doc.id for doc in db.documents.find(where={"@labels": "legal"})] == [one.id]
    assert [link.target for link in db.documents.links(one.id).links] == [other.id]
    assert [found.id for found in db.documents.neighbours(one.id)] == [other.id]


def test_results_and_models_are_kept_and_found_without_await(db):
    db.models.register("mood", type="sentiment")
    db.models.promote("mood")
    doc = db.documents.put("note", {"text": "fine"})
    feeling = {"sentiment": "positive", "score": 0.5, "confidence": 0.9, "emotion_scores": {}}
    db.results.put(doc.id, "sentiment", feeling, model="mood@1")

    assert [one.document_id for one in db.results.find("sentiment", label="positive")] == [doc.id]
    assert db.results.latest(doc.id, "sentiment").value.score == 0.5
    assert db.models.get("mood@production").environments == ("production",)


def test_errors_are_the_same(db):
    doc = db.documents.put("article", {"title": "Hello"})

    with pytest.raises(VersionConflict):
        db.documents.patch(doc.id, {"title": "Bye"}, expect=7)


def test_a_transaction_is_a_with_block(db):
    doc = db.documents.put("account", {"balance": 10})

    def interrupted() -> None:
        with db.transaction() as tx:
            tx.documents.patch(doc.id, {"$inc": {"balance": -10}})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()

    assert db.documents.get(doc.id).body == {"balance": 10}


def test_threads_share_one_database(db):
    doc = db.documents.put("counter", {"n": 0})
    threads = [
        threading.Thread(target=db.documents.patch, args=(doc.id, {"$inc": {"n": 1}})) for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert db.documents.get(doc.id).body == {"n": 8}


def test_another_organization_is_another_view(db):
    doc = db.documents.put("article", {"title": "Hello"})
    name = f"sync-{doc.id.hex}"
    db.organizations.create(name)

    with pytest.raises(NotFound):
        db.organization(name).documents.get(doc.id)


def test_a_closed_database_says_so(tmp_path: Path):
    with pytest.raises(Unavailable, match="not open"):
        octavo.sync.open(tmp_path / "never").documents.get("x")
