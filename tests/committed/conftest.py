"""Scopes whose calls commit: in the shared record, and in a record of the test's own.

A test of one organization's log shares the record; one of the whole log, of hints or of epochs has its own.
"""

from __future__ import annotations

import pytest

from octavo.postgres.record import Record
from octavo.store import organizations
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from tests.feeds import scope_of


@pytest.fixture
def scope(record: Record, organization: Organization) -> Scope:
    """The scope of an organization in the shared record."""
    return scope_of(record, organization.id)


@pytest.fixture
async def acme(fresh_record: Record) -> Organization:
    """An organization in the test's own record."""
    return await organizations.create(fresh_record.system, "acme")


@pytest.fixture
def own_scope(fresh_record: Record, acme: Organization) -> Scope:
    """Its scope."""
    return scope_of(fresh_record, acme.id)
