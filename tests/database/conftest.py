"""A workspace on the shared database, with an organization of its own for each test."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from octavo.store import organizations
from octavo.store.organizations import Organization
from octavo.store.scope import Limits, Scope, unheard
from octavo.values.actor import Actor, Origin
from octavo.workspace import Documents


def scope_for(record: Any, organization: Any, **changes: Any) -> Scope:
    """A scope on the record's pool, whose every call commits."""
    fields = {
        "runner": record.app,
        "organization": organization.id,
        "namespace": "default",
        "origin": Origin(Actor("ann")),
        "limits": Limits(),
        "committed": unheard,
        **changes,
    }
    return Scope(**fields)


def documents_for(record: Any, organization: Any, **changes: Any) -> Documents:
    """The documents of an organization."""
    scope = scope_for(record, organization, **changes)

    async def bind() -> Scope:
        return scope

    return Documents(bind, record.app)


@pytest.fixture
def scope(record: Any, organization: Any) -> Scope:
    return scope_for(record, organization)


@pytest.fixture
def docs(record: Any, organization: Any) -> Documents:
    return documents_for(record, organization)


@pytest.fixture
def statements(record: Any) -> Any:
    """The statements the record's pool sends while the test runs, in order."""
    sent: list[str] = []
    stop: Callable[[], None] = record.app.observe(sent.append)
    yield sent
    stop()


@pytest.fixture
async def other_organization(record: Any) -> Organization:
    """A second organization."""
    return await organizations.create(record.system, f"other-{uuid.uuid4().hex}")


@pytest.fixture
def connect_arguments(server: Any, record: Any) -> dict[str, Any]:
    """How to connect to the shared record from another event loop."""
    return {k: v for k, v in server.running.dsn("octavo_app", "octavo").items() if k != "user"}
