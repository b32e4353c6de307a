"""The conformance suite of vector engines: what whoever uses one relies on.

    from octavo.testing.vector_engine import Shelf, VectorEngineSuite

    class TestMyEngine(VectorEngineSuite):
        pass

The suite asks for two fixtures: `shelf` and `other`, two organizations of one record and one engine, each a `Shelf`
of its own; the engine's model is `MODEL`. And for asyncio tests in one event loop (pytest-asyncio in auto mode).
"""

from octavo.testing.vector_engine.comparing import Comparing
from octavo.testing.vector_engine.narrowing import Narrowing
from octavo.testing.vector_engine.nearness import Nearness
from octavo.testing.vector_engine.shelf import MODEL, Shelf, direction
from octavo.testing.vector_engine.state import State

__all__ = ["MODEL", "Shelf", "VectorEngineSuite", "direction"]


class VectorEngineSuite(Nearness, Narrowing, State, Comparing):
    """Everything an engine of the vectors role must do."""
