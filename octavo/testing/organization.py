"""One organization's live documents in the record: what the suites of engines share."""

from __future__ import annotations

from uuid import UUID

import msgspec

from octavo.postgres.record import Record
from octavo.store.scope import Limits, Scope, unheard
from octavo.values.actor import Actor, Origin
from octavo.workspace.documents import Documents


class InTheRecord:
    """The documents of an organization, of any namespace."""

    def __init__(self, record: Record, organization: UUID) -> None:
        self.record = record
        self.organization = organization
        self.scope = Scope(
            runner=record.app,
            organization=organization,
            namespace="default",
            origin=Origin(Actor("tester")),
            limits=Limits(),
            committed=unheard,
        )
        self.documents = self.documents_in("default")

    def documents_in(self, namespace: str) -> Documents:
        """The organization's documents of a namespace, in the record."""
        scope = msgspec.structs.replace(self.scope, namespace=namespace)

        async def bind() -> Scope:
            return scope

        return Documents(bind, self.record.app)
