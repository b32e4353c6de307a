"""How much narrowings leave is remembered, for a while and for those that are asked again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from octavo.engines.vectors.postgres_narrowings import KNOWN_SECONDS, MOST_KNOWN, Narrowings
from octavo.roles.vectors import NearestQuery

ANN, BOB = UUID(int=1), UUID(int=2)
VECTOR = np.ones(2, dtype=np.float32)


class Clock:
    """Seconds that pass when they are told to."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def narrowings(clock: Clock) -> Narrowings:
    return Narrowings(clock)


def asked(organization: UUID = ANN, **narrowing: Any) -> NearestQuery:
    return NearestQuery(organization=organization, vector=VECTOR, limit=10, **narrowing)


@pytest.mark.parametrize("few", [True, False])
def test_what_was_found_is_known_of_the_same_narrowing_only(narrowings, few):
    narrowings.remember(asked(types=["note"]), few=few)

    assert narrowings.leaves_few(asked(types=["note"])) is few
    assert narrowings.leaves_few(asked(types=["note", "article"])) is None
    assert narrowings.leaves_few(asked(namespaces=["note"])) is None
    assert narrowings.leaves_few(asked(BOB, types=["note"])) is None


def test_what_was_found_is_known_for_some_seconds(narrowings, clock):
    narrowings.remember(asked(types=["note"]), few=True)
    clock.seconds += KNOWN_SECONDS

    assert narrowings.leaves_few(asked(types=["note"])) is None


@pytest.mark.parametrize(
    "narrowing",
    [
        {"condition": lambda _: ("true", [])},
        {"created_from": datetime(2026, 1, 1, tzinfo=UTC)},
        {"created_to": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_filter_or_a_time_beside_the_names_leaves_something_else(narrowings, narrowing):
    narrowings.remember(asked(types=["note"]), few=False)
    narrowings.remember(asked(types=["draft"], **narrowing), few=True)

    assert narrowings.leaves_few(asked(types=["note"], **narrowing)) is None
    assert narrowings.leaves_few(asked(types=["draft"])) is None


def test_the_narrowings_asked_longest_ago_are_forgotten_first(narrowings):
    for number in range(MOST_KNOWN + 1):
        narrowings.remember(asked(types=[f"type{number}"]), few=True)

    assert narrowings.leaves_few(asked(types=["type0"])) is None
    assert narrowings.leaves_few(asked(types=["type1"])) is True
