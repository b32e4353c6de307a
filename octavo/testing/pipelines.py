"""Components and pipelines in your tests, on plain data: without a database, a worker, or a wait.

    step = given(document={"text": "Hello"})
    made = await outputs([{"component": "count"}], [count], document={"text": "Hello"})

A pipeline is checked and executed by what a worker uses: with its conditions, lists, timeouts and the retries of its
steps. What needs the record is left to `db.pipelines.run`: attempts of a run, outputs in the document, results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid4

from octavo.errors import StepFailed
from octavo.pipelines.defining.definitions import Components, checked, plan_of
from octavo.pipelines.executing.clock import Clock
from octavo.pipelines.executing.execution import Attempt
from octavo.pipelines.executing.processes import Processes
from octavo.pipelines.queueing.failing import Failed
from octavo.pipelines.queueing.queue import Claimed
from octavo.testing.clock import FakeClock
from octavo.values.account import Progress
from octavo.values.actor import Actor
from octavo.values.component import Component, Given
from octavo.values.document import Document
from octavo.values.json import decode, encode, encode_object
from octavo.values.model import UsedModel, as_named
from octavo.values.pipeline import Pipeline
from octavo.values.position import Position
from octavo.values.run import StepDone

_MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
_TESTER = Actor("tester")
_MEMORY_BYTES = 2 * 1024**3


def given(
    *,
    document: Document | Mapping[str, Any] | None = None,
    input: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Mapping[str, Any]] | None = None,
    step: str = "step",
    attempt: int = 1,
    model: str | None = None,
    item: Any = None,
    index: int | None = None,
) -> Given:
    """What a component is called with; afterwards `given.account.metrics` tells what it measured.

    Args:
        document: one, or its body.
        input: what the run was started with.
        outputs: of steps before, by their names.
        item, index: the element and its place, for a step that is called for each of a list.
    """
    return Given(
        run_id=uuid4(),
        organization_id=uuid4(),
        pipeline="test",
        step=step,
        attempt=attempt,
        document=_document(document),
        raw_input=encode_object(input or {}),
        raw_outputs={name: encode_object(output) for name, output in (outputs or {}).items()},
        model=model,
        raw_item=None if index is None and item is None else encode(item),
        index=index,
    )


async def outputs(
    definition: Pipeline | Mapping[str, Any] | Sequence[Any],
    components: Iterable[Component],
    *,
    document: Document | Mapping[str, Any] | None = None,
    input: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Check a pipeline, execute it once, and return the outputs of its steps; one that was skipped has none.

    Args:
        definition: as for `db.pipelines.put`; its components are those given, in code.
        document: one, or its body.
        input: what the run is started with.
        clock: waits between tries of a step; by default a `FakeClock`, which does not.

    Raises:
        InvalidPipeline: it could not run. StepFailed: a step failed; `fields` have its `code` and `step`.
    """
    known = Components(components)
    plan = plan_of(checked(definition, known), known)
    about, processes = _document(document), Processes(1, _MEMORY_BYTES)

    async def read() -> Document | None:
        return about

    attempt = Attempt(
        _claimed(about, input or {}),
        plan,
        Forgetful(),
        read,
        processes=processes,
        clock=clock or FakeClock(),
        use=_named,
    )
    try:
        made = await attempt.made()
    finally:
        await processes.close()
    if isinstance(made, Failed):
        raise StepFailed(made.message, code=made.code, step=made.step)
    return {name: decode(output) for name, output in made.outputs.items()}


class Forgetful:
    """Keeps no finished step: there is no second attempt."""

    async def finished(self, run: UUID) -> dict[str, tuple[StepDone, bytes]]:  # noqa: ARG002 - as `Keeping` has it
        """None."""
        return {}

    async def keep(self, run: Claimed, step: StepDone, output: bytes) -> bool:  # noqa: ARG002
        """Says that it did."""
        return True

    async def tell(self, run: Claimed, progress: Mapping[str, Progress]) -> None:
        """Does nothing."""


async def _named(reference: str) -> UsedModel:
    return as_named(reference)


def _document(given: Document | Mapping[str, Any] | None) -> Document | None:
    if given is None or isinstance(given, Document):
        return given
    return Document(
        id=uuid4(),
        namespace="default",
        type="test",
        name=None,
        version=1,
        created_at=_MOMENT,
        created_by=_TESTER,
        updated_at=_MOMENT,
        updated_by=_TESTER,
        deleted_at=None,
        position=Position(0, 0, 0, 0),
        raw_body=encode_object(given),
        raw_metadata=b"{}",
    )


def _claimed(document: Document | None, input: Mapping[str, Any]) -> Claimed:
    return Claimed(
        organization_id=uuid4(),
        id=uuid4(),
        pipeline="test",
        pipeline_id=uuid4(),
        pipeline_version=1,
        document_id=None if document is None else document.id,
        document_version=None if document is None else document.version,
        priority=5,
        raw_input=encode_object(input),
        fence=1,
        attempt=1,
        max_attempts=1,
        actor=_TESTER,
        session=None,
        correlation=None,
        sequence=1,
        ticket=0,
        queued_at=_MOMENT,
    )
