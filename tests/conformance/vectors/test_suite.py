"""The suite of vector engines, on every engine there is."""

from __future__ import annotations

from octavo.testing.vector_engine import VectorEngineSuite


class TestVectorEngines(VectorEngineSuite):
    """S0-029, S0-111: the same suite passes on the default and on each adapter of the interface."""
