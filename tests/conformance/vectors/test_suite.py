"""The suite of vector engines, on every engine there is."""

from __future__ import annotations

from octavo.testing.vector_engine import VectorEngineSuite


class TestVectorEngines(VectorEngineSuite):
    pass
