"""The suite of analytics engines, on every engine there is."""

from __future__ import annotations

from octavo.testing.analytics_engine import AnalyticsEngineSuite


class TestAnalyticsEngines(AnalyticsEngineSuite):
    pass
