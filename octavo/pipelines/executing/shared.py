"""What the attempts of one worker ask of the record together: their documents, and keeping their steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from octavo.errors import NotFound
from octavo.pipelines.executing.together import Together
from octavo.pipelines.queueing.queue import Claimed, Kept, Steps, keep_steps
from octavo.store import reads
from octavo.store.scope import Scope
from octavo.values.document import Document
from octavo.values.run import StepDone

# A document may be large, and an answer is held whole.
DOCUMENTS, STEPS = 32, 500
_Version = tuple[UUID, int]


class Shared:
    """One statement for what many attempts of an organization ask at once.

    Args:
        scope: the view of an organization.
    """

    def __init__(self, scope: Callable[[UUID], Scope]) -> None:
        self._scope = scope
        self._documents: Together[UUID, _Version, Document | NotFound] = Together(self._read, most=DOCUMENTS)
        self._steps: Together[UUID, Kept, bool] = Together(self._keep, most=STEPS)

    async def document(self, run: Claimed) -> Document | None:
        """The version of the document that a run is about; None for a run without one. Raises `NotFound`."""
        if run.document_id is None or run.document_version is None:
            return None
        found = await self._documents.call(run.organization_id, (run.document_id, run.document_version))
        if isinstance(found, NotFound):
            raise found
        return found

    async def keep(self, kept: Kept) -> bool:
        """Keep a finished step; False when the lease is gone."""
        return await self._steps.call(kept.run.organization_id, kept)

    async def _read(self, organization: UUID, asked: Sequence[_Version]) -> list[Document | NotFound]:
        return await reads.get_versions(self._scope(organization), asked)

    async def _keep(self, organization: UUID, kept: Sequence[Kept]) -> list[bool]:
        return await keep_steps(self._scope(organization), kept)


class SharedSteps(Steps):
    """The steps of one run, kept together with those of others."""

    def __init__(self, scope: Scope, shared: Shared) -> None:
        super().__init__(scope)
        self._shared = shared

    async def keep(self, run: Claimed, step: StepDone, output: bytes) -> bool:
        """As `Steps.keep`."""
        return await self._shared.keep(Kept(run, step, output))
