"""A workspace on the shared database, with an organization of its own for each test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from octavo.store.scope import Limits, Scope
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
        "committed": lambda: None,
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
