"""A question about facts: what a caller gave, checked and brought into the form engines take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args
from uuid import UUID

from octavo.analytics.measures import Measure, measure_of
from octavo.errors import InvalidInput, LimitExceeded
from octavo.roles.analytics import ATTRIBUTES, ROLLED, Condition, Every, Query, Subject
from octavo.values.fields import NAME_CHARACTERS, TEXT_CHARACTERS

MOST_FACTS = 5_000_000
MOST_POINTS = 10_000
MOST_MEASURES = 20
MOST_GROUPINGS = 4
MOST_CONDITIONS = 10
MOST_VALUES = 100

_DATA = "data."
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_STEPS: Mapping[str, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}
# Steps that are shown when nobody says since when.
_SHOWN = {"minute": 60, "hour": 24, "day": 30, "week": 26, "month": 12, "year": 10}


def question(
    organization: UUID,
    *,
    measures: Mapping[str, Measure],
    type: str | Sequence[str] | None,
    every: Every | None,
    since: datetime | None,
    until: datetime | None,
    by: Sequence[str],
    where: Mapping[str, Any] | None,
    now: datetime,
) -> Query:
    """The query of a series.

    Raises:
        InvalidInput: a name, a value or a moment that cannot be. LimitExceeded: too much at once.
    """
    begin, end = span(every, since, until, now)
    subjects = tuple(subject_of(name) for name in _at_most(by, MOST_GROUPINGS, "groupings"))
    conditions = conditions_of(type, where)
    fields = sorted({one.of for one in measures.values() if one.kind in {"sum", "average", "min", "max"}})
    return Query(
        organization=organization,
        since=begin,
        until=end,
        every=every,
        by=subjects,
        where=conditions,
        fields=("", *fields),
        classed=tuple(sorted({one.of for one in measures.values() if one.kind == "quantile"})),
        unique=tuple(sorted({one.of for one in measures.values() if one.kind == "unique"})),
        grain=_grain(every, begin, end, [*subjects, *(one.subject for one in conditions)]),
        most_facts=MOST_FACTS,
        most_rows=MOST_POINTS * (1 + len(fields)),
    )


def measures_of(given: Mapping[str, Measure | str] | None) -> dict[str, Measure]:
    """The measures by the names a caller gave them; by default the number of facts, as `count`."""
    named = _at_most(given or {"count": "count"}, MOST_MEASURES, "measures")
    return {
        name: measure if isinstance(measure := named[name], Measure) else measure_of(measure)
        for name in named
    }


def span(
    every: Every | None, since: datetime | None, until: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    """From when to when: by default to the end of the present hour or day, and as far back as is usual."""
    if every is not None and every not in get_args(Every):
        raise InvalidInput(f"every = {every!r}", remedy=f"give one of {', '.join(get_args(Every))}")
    end = _moment("until", until) or _end_of_present(every, now)
    begin = _moment("since", since)
    if begin is None:
        begin = _BEGINNING if every is None else _floor(every, end - _SHOWN[every] * _STEPS[every])
    if begin >= end:
        raise InvalidInput(f"since {begin} is not before until {end}", remedy="give an earlier since")
    if every is not None and (end - begin) / _STEPS[every] > MOST_POINTS:
        raise LimitExceeded(
            f"there are more than {MOST_POINTS} steps of a {every} from {begin} to {end}",
            remedy="ask for a shorter time, or longer steps",
            limit=MOST_POINTS,
        )
    return begin, end


def conditions_of(type: str | Sequence[str] | None, where: Mapping[str, Any] | None) -> tuple[Condition, ...]:
    """What facts must be like: each subject one of some values."""
    given = {
        **({} if type is None else {"type": type}),
        **_at_most(where or {}, MOST_CONDITIONS, "conditions"),
    }
    return tuple(Condition(subject_of(name), _values(name, value)) for name, value in given.items())


def subject_of(name: str) -> Subject:
    """What a name stands for: an attribute, or `data.` and the path of a field."""
    if name in ATTRIBUTES:
        return Subject(name)
    path = name.removeprefix(_DATA)
    if path == name or not 1 <= len(path) <= NAME_CHARACTERS or "\x00" in path:
        raise InvalidInput(
            f"{name[:NAME_CHARACTERS]!r} is nothing to group or filter by",
            remedy=f"give one of {', '.join(ATTRIBUTES)}, or data. and the path of a field",
        )
    return Subject(path, is_field=True)


def _values(name: str, given: Any) -> tuple[str, ...]:
    values = given if isinstance(given, list | tuple | set | frozenset) else [given]
    return tuple(_text(name, value) for value in _at_most(list(values), MOST_VALUES, f"values of {name}"))


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return format(Decimal(str(value)), "f")
    text = str(value) if isinstance(value, str | UUID) else ""
    if not 1 <= len(text) <= max(TEXT_CHARACTERS, 400) or "\x00" in text:
        raise InvalidInput(
            f"{name} cannot have the value {str(value)[:TEXT_CHARACTERS]!r}",
            remedy="give a text, a number, a boolean, or a list of such",
        )
    return text


def _grain(
    every: Every | None, begin: datetime, end: datetime, subjects: Sequence[Subject]
) -> Literal["hour", "day"] | None:
    """The longest rollups that answer; None when facts must."""
    if every == "minute" or any(one.is_field or one.name not in ROLLED for one in subjects):
        return None
    if every != "hour" and all(_floor("day", moment) == moment for moment in (begin, end)):
        return "day"
    return "hour" if all(_floor("hour", moment) == moment for moment in (begin, end)) else None


def _moment(name: str, given: datetime | None) -> datetime | None:
    if given is None:
        return None
    if given.tzinfo is None:
        raise InvalidInput(
            f"{name} = {given} has no time zone", remedy="give one, as datetime(…, tzinfo=UTC)"
        )
    return given.astimezone(UTC)


def _end_of_present(every: Every | None, now: datetime) -> datetime:
    if every in {"minute", "hour"}:
        return _floor("hour", now) + timedelta(hours=1) if every == "hour" else _next("minute", now)
    return _next("day", now)


def _next(step: str, now: datetime) -> datetime:
    return _floor(step, now) + _STEPS[step]


def _floor(step: str, moment: datetime) -> datetime:
    """The beginning of the step a moment is in, in UTC; weeks begin on Monday."""
    if step == "minute":
        return moment.replace(second=0, microsecond=0)
    moment = moment.replace(minute=0, second=0, microsecond=0)
    if step == "hour":
        return moment
    moment = moment.replace(hour=0)
    if step == "week":
        return moment - timedelta(days=moment.weekday())
    if step == "month":
        return moment.replace(day=1)
    return moment.replace(month=1, day=1) if step == "year" else moment


def _at_most(given: Any, most: int, what: str) -> Any:
    if isinstance(given, str):
        raise InvalidInput(f"{what} are the text {given!r}", remedy="give a list")
    if len(given) > most:
        raise LimitExceeded(
            f"{len(given)} {what}", remedy=f"give at most {most}", limit=most, actual=len(given)
        )
    return given
