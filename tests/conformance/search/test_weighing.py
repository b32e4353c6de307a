"""Weights, boosts and explanations, on every engine there is."""

from __future__ import annotations

from octavo.testing.search_engine.weighing import Weighing


class TestWeighing(Weighing):
    pass
