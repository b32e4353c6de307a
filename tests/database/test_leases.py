"""Leases: one holder at a time, a successor when it is silent, and a fence that tells them apart."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from octavo.postgres.lease import Lease
from octavo.postgres.record import Record
from octavo.store.organizations import Organization

EXPIRE = "UPDATE octavo.lease SET expires_at = '-infinity' WHERE name = $1"
EXPIRY = "SELECT expires_at, xmin FROM octavo.lease WHERE name = $1"


@pytest.fixture(params=["of all", "of one organization"])
def owner(request: pytest.FixtureRequest, organization: Organization) -> UUID | None:
    return None if request.param == "of all" else organization.id


@pytest.fixture
def lease_of(record: Record, organization: Organization, owner: UUID | None) -> Any:
    """Makes one more holder's view of the same lease."""
    runner = record.system if owner is None else record.app
    return lambda **changes: Lease(runner, f"test {organization.name}", owner, **changes)


async def test_one_takes_it_and_the_other_does_not(lease_of: Any):
    first, second = lease_of(), lease_of()

    assert await first.take()
    assert not await second.take()
    assert (first.is_held, second.is_held) == (True, False)


async def test_of_many_at_once_one_takes_it(lease_of: Any):
    leases = [lease_of() for _ in range(8)]

    assert sum(await asyncio.gather(*(lease.take() for lease in leases))) == 1


async def test_what_is_released_is_taken_at_once_with_a_higher_fence(lease_of: Any):
    first, second = lease_of(), lease_of()
    await first.take()

    await first.release()

    assert not first.is_held
    assert await second.take()
    assert second.fence > first.fence


async def test_who_is_silent_too_long_is_replaced(record: Record, lease_of: Any):
    silent, successor = lease_of(), lease_of()
    await silent.take()
    await record.system.execute(EXPIRE, silent.name)

    assert await successor.take()
    assert not await silent.renew()
    assert not silent.is_held
    assert await successor.renew()


async def test_a_renewal_puts_the_expiry_off(record: Record, lease_of: Any):
    lease = lease_of()
    await lease.take()
    before = await record.system.fetchrow(EXPIRY, lease.name)

    assert await lease.renew()

    after = await record.system.fetchrow(EXPIRY, lease.name)
    assert after["expires_at"] > before["expires_at"]


async def test_who_lost_it_releases_nothing(record: Record, lease_of: Any):
    silent, successor = lease_of(), lease_of()
    await silent.take()
    await record.system.execute(EXPIRE, silent.name)
    await successor.take()

    await silent.release()

    assert await successor.renew()


async def test_who_has_it_may_take_it_again(lease_of: Any):
    lease = lease_of()
    await lease.take()
    first = lease.fence

    assert await lease.take()
    assert lease.fence > first


async def test_an_attempt_in_vain_writes_nothing(record: Record, lease_of: Any):
    """Else everybody who waits would hold the gate of the log again and again."""
    lease = lease_of()
    await lease.take()
    before = await record.system.fetchrow(EXPIRY, lease.name)

    assert not await lease_of().take()

    assert await record.system.fetchrow(EXPIRY, lease.name) == before
    assert await _xmax(record, lease.name) == 0


async def test_it_is_not_ours_for_longer_than_it_lasts(lease_of: Any):
    lease = lease_of(seconds=0.0)

    assert await lease.take()
    assert not lease.is_held


async def test_it_is_kept_while_the_block_runs_and_released_at_its_end(record: Record, lease_of: Any):
    lease, other = lease_of(seconds=0.3), lease_of()
    await lease.take()
    first = await record.system.fetchrow(EXPIRY, lease.name)

    async with lease.kept():
        async with asyncio.timeout(20):
            while await record.system.fetchrow(EXPIRY, lease.name) == first:
                pass
        assert not await other.take()

    assert await other.take()


async def test_leases_of_two_organizations_and_of_all_are_three(
    record: Record, organization: Organization, other_organization: Organization
):
    name = f"shared {organization.name}"
    leases = [
        Lease(record.app, name, organization.id),
        Lease(record.app, name, other_organization.id),
        Lease(record.system, name),
    ]

    assert [await lease.take() for lease in leases] == [True, True, True]


async def _xmax(record: Record, name: str) -> int:
    row = await record.system.fetchrow(
        "SELECT xmax::text::bigint AS locker FROM octavo.lease WHERE name = $1", name
    )
    assert row is not None
    return row["locker"]
