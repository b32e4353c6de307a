"""Who is next: decided from what was seen, without a queue."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from octavo.pipelines.queueing.queue import Claimed, Look, Taken, Waiting, Wish
from octavo.pipelines.queueing.shares import AGEING_SECONDS, SWEEP_SECONDS, Horizon, Shares
from octavo.values.actor import SYSTEM

NOW = 1_000_000.0
BIG, SMALL, OTHER = (UUID(int=number) for number in (1, 2, 3))


def waiting(
    organization: UUID, priority: int = 5, *, fresh: int = 1, first: int = 1, age: float = 0, share: float = 1
):
    return Waiting(organization, priority, fresh, first, NOW - age, share)


def look(*found: Waiting, last: int = 0, drawn: int = 0, gate: int = 0, end: int = 0) -> Look:
    return Look(drawn, gate, end, last, False, None, NOW, list(found))


def claimed(wish: Wish, count: int) -> list[Claimed]:
    """What a claim gives, with the tickets behind the wish's."""
    return [
        Claimed(
            organization_id=wish.organization_id, id=UUID(int=n), pipeline="p", pipeline_id=UUID(int=0),
            pipeline_version=1, document_id=None, document_version=None, priority=wish.priority, raw_input=b"{}",
            fence=1, attempt=1, max_attempts=1, actor=SYSTEM, session=None, correlation=None, sequence=1,
            ticket=wish.low + 1 + n, queued_at=datetime.fromtimestamp(NOW, UTC),
        )
        for n in range(count)
    ]  # fmt: skip


def by_organization(wishes: list[Wish]) -> dict[UUID, int]:
    return {wish.organization_id: wish.runs for wish in wishes}


def take_all(shares: Shares, slots: int) -> dict[UUID, int]:
    """Claim once and get everything that was wished."""
    wishes = shares.choose(slots, NOW)
    shares.took(wishes, [run for wish in wishes for run in claimed(wish, wish.runs)])
    return by_organization(wishes)


def test_organizations_share_the_slots_equally():
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=1_000), waiting(SMALL, fresh=1_000)))

    assert by_organization(shares.choose(10, NOW)) == {BIG: 5, SMALL: 5}


def test_a_heavier_organization_gets_more():
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=1_000, share=3), waiting(SMALL, fresh=1_000)))

    assert by_organization(shares.choose(40, NOW)) == {BIG: 30, SMALL: 10}


def test_one_run_of_another_organization_is_in_the_next_claim_behind_a_hundred_thousand():
    """S4-106"""
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=100_000)))
    for _ in range(5):
        take_all(shares, 100)

    shares.learn(look(waiting(SMALL, fresh=1)))

    assert by_organization(shares.choose(10, NOW))[SMALL] == 1


def test_nobody_catches_up_on_a_pause():
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=100_000)))
    for _ in range(10):
        take_all(shares, 100)
    shares.learn(look(waiting(SMALL, fresh=100_000)))

    assert take_all(shares, 100) == {BIG: 50, SMALL: 50}


def test_slots_that_one_does_not_need_go_to_the_others():
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=1_000), waiting(SMALL, fresh=2)))

    assert by_organization(shares.choose(10, NOW)) == {BIG: 8, SMALL: 2}


def test_the_most_urgent_comes_first():
    """S4-018"""
    shares = Shares()
    shares.learn(look(waiting(BIG, 1, fresh=5), waiting(BIG, 9, fresh=5)))

    assert [(wish.priority, wish.runs) for wish in shares.choose(7, NOW)] == [(9, 5), (1, 2)]


def test_what_waits_rises_by_a_priority_a_minute():
    """S4-018"""
    shares = Shares()
    shares.learn(look(waiting(BIG, 1, fresh=5, age=9 * AGEING_SECONDS), waiting(BIG, 9, fresh=5)))

    assert [wish.priority for wish in shares.choose(1, NOW)] == [1]


def test_a_claim_begins_behind_what_was_taken():
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=100, first=1)))
    take_all(shares, 10)

    (wish,) = shares.choose(1, NOW)

    assert wish.low == 10


def test_a_ticket_that_appears_late_is_claimed_although_later_ones_were_taken():
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=100, first=50)))
    take_all(shares, 10)

    shares.learn(look(waiting(BIG, fresh=0, first=3)))

    (wish,) = shares.choose(1, NOW)
    assert wish.low == 2


def test_a_line_that_gives_less_than_it_might_is_at_its_end():
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=100)))
    wishes = shares.choose(50, NOW)

    shares.took(wishes, claimed(wishes[0], 20))

    assert shares.choose(50, NOW) == []


def test_what_was_drawn_is_final_once_all_transactions_of_then_are_over():
    horizon = Horizon()
    horizon.note(drawn=10, gate=5, end=8)
    horizon.note(drawn=20, gate=7, end=12)  # 10 was drawn before 12 began; 7 is still open
    assert horizon.final == 0

    horizon.note(drawn=30, gate=12, end=15)

    assert horizon.final == 10


def test_late_tickets_are_looked_for_behind_what_is_final():
    shares = Shares()
    shares.learn(look(last=40, drawn=40, gate=9, end=9))
    shares.learn(look(last=50, drawn=50, gate=10, end=10))

    assert shares.late_from(0.0) == 40


def test_once_a_minute_the_look_goes_back_two_minutes_for_claims_that_were_rolled_back():
    shares = Shares()
    shares.late_from(0.0)
    for minute in range(1, 4):
        shares.learn(look(last=100 * minute, drawn=100 * minute, gate=minute, end=minute))
        back = shares.late_from(minute * SWEEP_SECONDS)

    assert back == 0
    assert shares.late_from(4 * SWEEP_SECONDS) == 100


@pytest.mark.parametrize("late_last", [7])
def test_a_page_of_late_tickets_that_is_full_is_gone_on_with(late_last):
    shares = Shares()
    shares.learn(Look(50, 9, 9, 50, False, late_last, NOW, []))

    assert shares.late_from(0.0) == late_last


def held(wish: Wish, count: int) -> list[Taken]:
    """Tickets behind a wish's that a limit holds back."""
    return [
        Taken(wish.organization_id, wish.priority, wish.low + 1 + n, datetime.fromtimestamp(NOW, UTC), None)
        for n in range(count)
    ]


def test_what_a_limit_holds_back_is_passed_and_costs_nothing():
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=100), waiting(SMALL, fresh=100)))
    big, small = sorted(shares.choose(20, NOW), key=lambda wish: wish.organization_id)

    shares.took([big, small], [*held(big, 10), *claimed(small, 10)])

    (wish,) = shares.choose(10, NOW)
    assert (wish.organization_id, wish.runs, wish.low) == (BIG, 10, big.low + 10)


def test_a_line_of_which_all_is_held_back_is_at_its_end():
    shares = Shares()
    shares.learn(look(waiting(BIG, fresh=5)))
    (wish,) = shares.choose(10, NOW)

    shares.took([wish], held(wish, 5))

    assert shares.choose(10, NOW) == []
