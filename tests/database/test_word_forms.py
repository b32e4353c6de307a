"""Word forms for an index outside of PostgreSQL: its own dictionaries', asked for once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from octavo.engines.search.word_forms import WordForms
from octavo.postgres.record import Record


class Told:
    """The record's pool, that tells which words it was asked for."""

    def __init__(self, record: Record) -> None:
        self.words: list[list[str]] = []
        self._pool = record.app

    async def fetch(self, statement: str, configuration: str, words: Sequence[str]) -> Any:
        self.words.append(sorted(words))
        return await self._pool.fetch(statement, configuration, words)


async def test_words_have_the_forms_of_postgresqls_dictionaries(record: Record) -> None:
    forms = WordForms(record.app)

    assert await forms.of("english", ["refunds", "running", "the"]) == {
        "refunds": "refund",
        "running": "run",
        "the": None,
    }
    assert await forms.of("german", ["rechnungen", "der"]) == {"rechnungen": "rechnung", "der": None}


async def test_a_word_is_asked_for_once_a_configuration(record: Record) -> None:
    told = Told(record)
    forms = WordForms(told)  # type: ignore[arg-type]  # as much of a runner as is needed

    for configuration, words in [
        ("english", ["refunds", "the"]),
        ("english", ["refunds", "orders"]),
        ("german", ["refunds"]),
    ]:
        await forms.of(configuration, words)

    assert told.words == [["refunds", "the"], ["orders"], ["refunds"]]


@pytest.mark.parametrize("configuration", [None, "simple"])
async def test_without_a_dictionary_a_word_is_its_own_form(record: Record, configuration: str | None) -> None:
    told = Told(record)

    found = await WordForms(told).of(configuration, ["the", "refunds"])  # type: ignore[arg-type]

    assert (found, told.words) == ({"the": "the", "refunds": "refunds"}, [])
