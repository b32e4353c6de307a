"""Topics at the command line, in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from octavo.cli.main import app
from octavo.postgres.server import Server
from tests.databases import migrated_database, url_of
from tests.engines_open import again

TOPICS = [
    {"topic_id": 0, "keywords": ["refund", "money"], "coherence_score": 0.25},
    {"topic_id": 1, "name": "Baking", "keywords": ["bread", "oven"]},
]
NOTE = "01932f00-0000-7000-8000-000000000001"
RESULT = {
    "topic_distribution": {"0": 1.0},
    "dominant_topic": 0,
    "dominant_topic_score": 1.0,
    "keywords": [],
}


@pytest.fixture(scope="module")
async def data(server: Server) -> Any:
    """The environment that names a database of the module's own: vectors, and a note that belongs to topic 0."""
    async with migrated_database(server) as name:
        async with again(server, name) as db:
            note = await db.documents.put("note", {"text": "My money back, a refund."}, id=NOTE)
            await db.results.put(note.id, "topic_modeling", RESULT, model="press@1")
        yield {
            "OCTAVO_RECORD": url_of(server, "octavo_app", name),
            "OCTAVO_RECORD_SYSTEM": url_of(server, "octavo_system", name),
            "OCTAVO_VECTORS": "postgres",
            "COLUMNS": "150",
        }


def _run(data: dict[str, str], *words: str, given: str | None = None) -> str:
    done = CliRunner().invoke(app, list(words), env=data, input=given)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_topics_are_kept_found_and_forgotten(data: dict[str, str]) -> None:
    def told(*words: str, given: str | None = None) -> Any:
        return json.loads(_run(data, *words, "--json", given=given))

    put = told("topic", "put", "press@1", "-", given=json.dumps(TOPICS))
    listed = told("topic", "list", "press", "--keyword", "money")
    shown = told("topic", "show", "press@1", "1")
    nearest = told("topic", "nearest", "loaf of bread", "--model", "press", "--limit", "1")
    of = told("topic", "of", NOTE, "--limit", "1")
    members = told("topic", "documents", "press@1", "0")
    similar = told("topic", "similar", "press@1", "0", "--limit", "1")
    embedded = told("topic", "embed", "press@1")
    tables = [_run(data, "topic", *words) for words in (("sets",), ("list", "press"))]
    gone = told("topic", "erase", "press@1", "--yes")

    assert [one["topic_id"] for one in put] == [0, 1]
    assert [(one["topic_id"], one["document_count"]) for one in listed] == [(0, 1)]
    assert shown["name"] == "Baking"
    assert nearest[0]["topic_id"] == 1
    assert of[0]["topic_id"] == 0
    assert [(one["id"], one["share"]) for one in members] == [(NOTE, 1.0)]
    assert [hit["id"] for hit in similar["hits"]] == [NOTE]
    assert all(one["embedder"].startswith("wordllama") for one in embedded)
    assert "press@1" in tables[0]
    assert "refund, money" in tables[1]
    assert gone == {"model": "press@1", "erased": 2}
    assert told("topic", "sets") == []


def test_what_is_no_list_of_topics_is_refused(data: dict[str, str]) -> None:
    done = CliRunner().invoke(app, ["topic", "put", "press@1", "-"], env=data, input='{"topic_id": 0}')

    assert done.exit_code != 0
    assert "a list" in str(done.exception)
