"""A record of its own and an organization in it: these tests look at commits, gates and hints."""

from __future__ import annotations

import pytest

from octavo.postgres.record import Record
from octavo.store import organizations
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from tests.feeds import scope_of


@pytest.fixture
async def acme(fresh_record: Record) -> Organization:
    """An organization in the test's own record."""
    return await organizations.create(fresh_record.system, "acme")


@pytest.fixture
def scope(fresh_record: Record, acme: Organization) -> Scope:
    """Its scope; every call commits."""
    return scope_of(fresh_record, acme.id)
