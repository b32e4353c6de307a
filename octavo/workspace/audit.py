"""The audit of reads: what was read is noted in memory, and recorded after the answer, many reads together.

Whether an organization wants it is asked once it was read from, and again every half minute; until that is known the
reads are kept. For one that wants none a read costs a look into a dictionary. What was noted and not yet recorded is
lost when the process is killed: at most about a second of reads.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import OctavoError
from octavo.postgres.background import Background
from octavo.postgres.pool import Pool
from octavo.store import audit
from octavo.store.audit import Access
from octavo.store.find import Found
from octavo.store.scope import Scope
from octavo.values.actor import Origin
from octavo.values.document import Document
from octavo.values.page import Page
from octavo.workspace.documents import Documents

log = logging.getLogger("octavo.audit")

FLUSH_SECONDS = 1.0
REFRESH_SECONDS = 30.0
MOST_WAITING = 20_000


class ReadAudit:
    """Notes what is read and records it soon after; does nothing before the first read.

    Args:
        pool: connections of the application.
        flush_seconds: how long a read waits for others to be recorded with.
        refresh_seconds: how long it takes until a change of the setting counts.
    """

    def __init__(
        self, pool: Pool, *, flush_seconds: float = FLUSH_SECONDS, refresh_seconds: float = REFRESH_SECONDS
    ) -> None:
        self._pool = pool
        self._refresh_seconds = refresh_seconds
        self._wanted: dict[UUID, tuple[float, float]] = {}
        self._waiting: dict[tuple[UUID, Origin], tuple[Scope, list[Access]]] = {}
        self._count = 0
        self._lost = 0
        self._loop = Background(
            "read audit",
            self.flush,
            first_wait_seconds=flush_seconds,
            longest_wait_seconds=flush_seconds,
            immediately=False,
        )

    def note(self, scope: Scope, documents: Sequence[Document]) -> None:
        """Take note that documents were read; never waits and never fails."""
        fraction, until = self._wanted.get(scope.organization, (1.0, 0.0))
        if until > time.monotonic() and not fraction:
            return
        self._loop.start()
        if self._count + len(documents) > MOST_WAITING:
            self._lost += len(documents)
            return
        self._count += len(documents)
        _, waiting = self._waiting.setdefault((scope.organization, scope.origin), (scope, []))
        waiting += [Access(document.id, document.version, document.type) for document in documents]

    async def flush(self) -> bool:
        """Record what was noted, of the organizations that want it; returns False: the next time may wait."""
        taken, self._waiting, self._count = self._waiting, {}, 0
        for scope, read in taken.values():
            # Read in a transaction or not: it was read, so it is recorded by itself.
            outside = msgspec.structs.replace(scope, runner=self._pool)
            try:
                await self._record(outside, read)
            except OctavoError as error:
                self._lost += len(read)
                log.warning("%d reads could not be recorded: %s", len(read), error)
        return False

    async def close(self) -> None:
        """Record what is left and stop; does nothing if nothing was read."""
        await self._loop.stop()
        await self.flush()

    async def _record(self, scope: Scope, read: Sequence[Access]) -> None:
        fraction = await self._fraction(scope)
        kept = [one for one in read if random.random() < fraction]  # noqa: S311 - a sample, no secret
        if kept:
            lost, self._lost = self._lost, 0
            await audit.record(scope, kept, fraction=fraction, lost=lost)

    async def _fraction(self, scope: Scope) -> float:
        fraction, until = self._wanted.get(scope.organization, (0.0, 0.0))
        if until <= time.monotonic():
            fraction = await audit.find_fraction(scope)
            self._wanted[scope.organization] = fraction, time.monotonic() + self._refresh_seconds
        return fraction


class AuditedDocuments(Documents):
    """Documents whose reads are noted: `get`, `get_many`, `find` and `by_session`, whoever calls them."""

    def __init__(self, documents: Documents, reads: ReadAudit) -> None:
        self.__dict__.update(documents.__dict__)
        self._reads = reads

    async def get(
        self,
        id_or_type: UUID | str,
        *,
        name: str | None = None,
        version: int | None = None,
        tag: str | None = None,
        at: datetime | None = None,
        deleted: bool = False,
    ) -> Document:
        """One document; see `Documents.get`."""
        document = await super().get(id_or_type, name=name, version=version, tag=tag, at=at, deleted=deleted)
        self._reads.note(await self._bind(), [document])
        return document

    async def get_many(self, ids: Sequence[UUID | str]) -> dict[UUID, Document]:
        """Current versions of many documents; see `Documents.get_many`."""
        found = await super().get_many(ids)
        self._reads.note(await self._bind(), list(found.values()))
        return found

    def find(self, type: Any = None, **asked: Any) -> Found:
        """Documents that a filter holds for; see `Documents.find`."""
        return AuditedFound(super().find(type, **asked), self._reads)

    async def by_session(self, session: str, **asked: Any) -> Page:
        """Live documents that a session touched; see `Documents.by_session`."""
        page = await super().by_session(session, **asked)
        self._reads.note(await self._bind(), page.documents)
        return page


class AuditedFound(Found):
    """What was found, noted as it is read."""

    def __init__(self, found: Found, reads: ReadAudit) -> None:
        self.__dict__.update(found.__dict__)
        self._reads = reads

    async def first(self) -> Document | None:
        """The first document, or None."""
        document = await super().first()
        if document is not None:
            self._reads.note(await self._bind(), [document])
        return document

    async def _page_at(self, cursor: str | None) -> Page:
        page = await super()._page_at(cursor)
        self._reads.note(await self._bind(), page.documents)
        return page


def audited(documents: Documents, reads: ReadAudit | None) -> Documents:
    """The same documents, their reads noted if there is an audit."""
    return documents if reads is None else AuditedDocuments(documents, reads)
