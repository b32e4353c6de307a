"""The conformance suite of analytics engines: what whoever uses one relies on.

    from octavo.testing.analytics_engine import AnalyticsEngineSuite, Ledger

    class TestMyEngine(AnalyticsEngineSuite):
        pass

The suite asks for two fixtures: `ledger` and `other`, two organizations in one engine, each a `Ledger`; nobody else
moves that engine. And for asyncio tests in one event loop (pytest-asyncio in auto mode).
"""

from octavo.testing.analytics_engine.counting import Counting
from octavo.testing.analytics_engine.delivery import Delivery
from octavo.testing.analytics_engine.ledger import Ledger

__all__ = ["AnalyticsEngineSuite", "Ledger"]


class AnalyticsEngineSuite(Counting, Delivery):
    """Everything an engine of the analytics role must do."""
