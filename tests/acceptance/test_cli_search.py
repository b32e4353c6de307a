"""Searching as scripts do: weights, explanations, modes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_cli import Cli
from tests.places import short_place
from tests.records import new_record


@pytest.fixture(scope="module")
def octavo(program: Path) -> Iterator[Cli]:
    """The program, with a server that stays up between the commands, and three documents that are embedded."""
    with pytest.MonkeyPatch.context() as patch, short_place() as folder:
        patch.setenv("OCTAVO_VECTORS", "postgres")
        cli = Cli(program, new_record(folder / "data"))
        assert cli.json("up")["state"] == "running"
        cli.put(
            "article", {"title": "Refund policy", "text": "How to get your money back."}, "--name", "policy"
        )
        cli.put(
            "article", {"title": "Sourdough", "text": "Bake the bread for forty minutes."}, "--name", "bread"
        )
        cli.put("note", {"text": "A refund for a cake that was not baked."}, "--name", "cake")
        yield cli


def names(hits: list[dict[str, object]]) -> list[object]:
    return [hit["name"] for hit in hits]


def test_boosts_decide_which_type_comes_first(octavo):
    assert names(octavo.json("search", "refund")) == ["policy", "cake"]
    assert names(octavo.json("search", "refund", "--boost", "note=100")) == ["cake", "policy"]


def test_an_explanation_is_told_in_words_and_as_data(octavo):
    said = octavo.done("search", "refund", "--explain", "--weight", "title=20", "--limit", 1)
    [hit] = octavo.json("search", "refund", "--explain", "--weight", "title=20", "--limit", 1)

    assert "refund in title (weighs 20)" in " ".join(said.split())
    [standing] = hit["why"]["found"]
    assert (standing["word"], standing["parts"][0]) == ("refund", "title")


def test_a_weight_that_is_no_number_is_one_clear_line(octavo):
    assert "--weight 'title'" in octavo.refused("search", "refund", "--weight", "title")
    assert "heading" in octavo.refused("search", "refund", "--weight", "heading=2")


def test_modes_find_by_meaning_and_by_both(octavo):
    near = octavo.json("search", "loaf from the oven", "--mode", "semantic", "--limit", 1)
    both = octavo.json("search", "refund", "--mode", "hybrid")

    assert names(near["hits"]) == ["bread"]
    assert set(names(both["hits"][:2])) == {"policy", "cake"}
    assert [leg["name"] for leg in both["legs"]] == ["words", "meaning"]


def test_a_mode_there_is_not_is_one_clear_line(octavo):
    assert "both" in octavo.refused("search", "refund", "--mode", "both")


def test_similar_documents_are_listed_without_the_one_they_resemble(octavo):
    [bread] = octavo.json("search", "sourdough")

    found = octavo.json("similar", bread["id"])

    assert names(found["hits"])[0] == "cake"
    assert "bread" not in names(found["hits"])


def test_without_vectors_the_error_names_the_setting(octavo, monkeypatch):
    monkeypatch.setenv("OCTAVO_VECTORS", "none")

    assert "OCTAVO_VECTORS=postgres" in octavo.refused("search", "refund", "--mode", "hybrid")
    assert names(octavo.json("search", "refund")) == ["policy", "cake"]
