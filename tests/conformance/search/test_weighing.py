"""Weights, boosts and explanations, on the engines that rank by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.engines.search.postgres import PostgresSearch
from octavo.engines.search.tantivy import TantivySearch
from octavo.postgres.record import Record
from octavo.roles.search import SearchEngine
from octavo.testing.search_engine.weighing import Weighing


@pytest.fixture(params=["postgres", "tantivy"])
def engine(request: pytest.FixtureRequest, own_record: Record, index_folder: Path) -> SearchEngine:
    if request.param == "tantivy":
        return TantivySearch(own_record, index_folder)
    return PostgresSearch(own_record)


class TestWeighing(Weighing):
    pass
