"""How long a busy site wants to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from octavo.ingest.web.politeness import pause_seconds

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Thu, 05 Mar 2026 12:00:30 GMT", 30),
        ("Thu, 05 Mar 2026 14:00:30 +0200", 30),
        ("Thu, 05 Mar 2026 11:59:00 GMT", 0),
    ],
)
def test_a_site_tells_seconds_or_a_moment(told: str, seconds: float):
    assert pause_seconds(told, 1, NOW) == seconds


@pytest.mark.parametrize("told", [None, "", "soon", "-5", "1.5", "٣", "9" * 30])
def test_a_site_that_tells_nothing_is_asked_twice_as_late_each_time(told: str | None):
    assert [pause_seconds(told, attempt, NOW) for attempt in (1, 2, 3)] == [1, 2, 4]
