"""When schedules are due: by the calendar, over the hours that a clock leaves out or shows twice, and after a pause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from octavo.errors import InvalidInput
from octavo.pipelines.starting.cron import calendar, missed
from octavo.values.schedule import MOST_MISSED

# Germany's clocks went from 2 to 3 on the one morning, and from 3 back to 2 on the other.
SPRING = datetime(2026, 3, 29, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, tzinfo=UTC)
NOON = timedelta(hours=12)


def local(cron: str, after: datetime, n: int, zone: str = "Europe/Berlin") -> list[str]:
    """The next times as the zone's clock shows them."""
    made = calendar(cron, zone)
    return [f"{due.astimezone(made.zone):%m-%d %H:%M %Z}" for due in islice(made.after(after), n)]


def test_a_schedule_goes_by_the_clock_of_its_zone():
    assert local("0 6 * * mon-fri", datetime(2026, 11, 20, 12, tzinfo=UTC), 2) == [
        "11-23 06:00 CET",
        "11-24 06:00 CET",
    ]


def test_a_time_that_the_clock_leaves_out_is_due_right_after_the_gap():
    assert local("30 2 * * *", SPRING - NOON, 2) == ["03-29 03:00 CEST", "03-30 02:30 CEST"]


def test_a_time_that_comes_twice_is_due_the_first_time_only():
    assert local("30 2 * * *", AUTUMN - NOON, 2) == ["10-25 02:30 CEST", "10-26 02:30 CET"]


def test_between_the_two_hours_of_one_name_nothing_is_due_that_has_been():
    second_pass = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)

    assert local("50 2 * * *", second_pass, 1) == ["10-26 02:50 CET"]


def test_what_is_due_every_hour_goes_by_the_hours_that_pass():
    assert local("30 * * * *", datetime(2026, 3, 28, 23, 45, tzinfo=UTC), 3) == [
        "03-29 01:30 CET",
        "03-29 03:30 CEST",
        "03-29 04:30 CEST",
    ]
    assert local("30 * * * *", datetime(2026, 10, 24, 23, 45, tzinfo=UTC), 3) == [
        "10-25 02:30 CEST",
        "10-25 02:30 CET",
        "10-25 03:30 CET",
    ]


def test_in_utc_every_day_has_its_hour():
    assert local("0 2 * * *", SPRING - NOON, 2, "UTC") == ["03-29 02:00 UTC", "03-30 02:00 UTC"]


@pytest.mark.parametrize("cron", ["30 2 * * *", "30 * * * *", "*/20 1-3 * * *", "15 2,3 * * *"])
@pytest.mark.parametrize("around", [SPRING, AUTUMN])
def test_times_only_go_on_and_the_same_are_found_when_looking_back(cron, around):
    made = calendar(cron, "Europe/Berlin")
    begin, end = around - NOON, around + timedelta(days=2)

    forward = [due for due in islice(made.after(begin), 400) if due <= end]

    assert forward == sorted(set(forward))
    assert made.until(end, begin, 400) == forward


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 30 2 *", "@daily", "a b c d e", "0 25 * * *"]
)
def test_what_is_no_cron_expression_is_refused_with_the_way_out(cron):
    with pytest.raises(InvalidInput, match="give minute, hour"):
        calendar(cron, "UTC")


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "", "Europe/Berlin\x00"])
def test_what_is_no_time_zone_is_refused(zone):
    with pytest.raises(InvalidInput, match="no time zone"):
        calendar("* * * * *", zone)


@pytest.mark.parametrize(
    ("catch_up", "hours"), [("last", [12]), ("all", [9, 10, 11, 12]), ("none", [])], ids=str
)
def test_what_nobody_was_there_for_is_made_up_for_as_it_says(catch_up, hours):
    due = missed(
        calendar("0 * * * *", "UTC"),
        datetime(2026, 5, 4, 9, tzinfo=UTC),
        datetime(2026, 5, 4, 12, 30, tzinfo=UTC),
        catch_up,
    )

    assert [one.hour for one in due] == hours


def test_of_a_long_pause_the_latest_hundred_are_made_up_for():
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)

    due = missed(calendar("* * * * *", "UTC"), now - timedelta(days=365), now, "all")

    assert len(due) == MOST_MISSED
    assert (due[0], due[-1]) == (now - timedelta(minutes=99), now)


@pytest.mark.parametrize("catch_up", ["last", "all", "none"])
def test_what_is_due_now_is_due_whatever_is_made_up_for(catch_up):
    now = datetime(2026, 5, 4, 12, 0, 0, 300_000, tzinfo=UTC)
    due = now.replace(microsecond=0)

    assert missed(calendar("0 12 * * *", "UTC"), due, now, catch_up) == [due]
