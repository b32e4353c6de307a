"""One attempt of a run: its steps in the order of the DAG, those that may together together.

A step that ended in an earlier attempt is not repeated: its output is read. Each output but those of the last steps
is kept as soon as it is there, under the fence; the last ones are kept with the end of the run.

A step whose condition does not hold is skipped: it has no output, and nothing goes into the document. What comes after
it in a list runs all the same; a step that names those it comes `after` is skipped with them when all were skipped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from graphlib import TopologicalSorter
from typing import Any

import msgspec

from octavo.errors import OctavoError, StaleLease, StepFailed
from octavo.pipelines.defining.definitions import Bound, Plan
from octavo.pipelines.executing.calling import Calls
from octavo.pipelines.executing.clock import Clock
from octavo.pipelines.executing.gathering import Gathered, Item, gather, name_of, place_of
from octavo.pipelines.executing.keeping import Keeping
from octavo.pipelines.executing.processes import Processes
from octavo.pipelines.executing.telling import Telling
from octavo.pipelines.queueing.failing import TIMEOUT, Failed, StepError
from octavo.pipelines.queueing.queue import Claimed
from octavo.values import flow, matching
from octavo.values.account import Metrics, Progress
from octavo.values.component import Given
from octavo.values.document import Document
from octavo.values.json import decode, encode, encode_known
from octavo.values.model import UsedModel
from octavo.values.run import StepDone

log = logging.getLogger("octavo.pipelines")


class Completed(msgspec.Struct, frozen=True):
    """What an attempt gave: the outputs by step, and the steps that ended, reused ones among them."""

    outputs: dict[str, bytes]
    steps: list[StepDone]

    @property
    def output(self) -> bytes:
        """All outputs as one JSON object."""
        return encode_known({name: msgspec.Raw(raw) for name, raw in self.outputs.items()})


class Attempt:
    """One attempt of a run.

    Args:
        document: read when the first step needs it.
        processes: for components that compute.
        use: the version that the name of a model means.
    """

    def __init__(
        self,
        run: Claimed,
        plan: Plan,
        steps: Keeping,
        document: Callable[[], Awaitable[Document | None]],
        *,
        processes: Processes,
        clock: Clock,
        use: Callable[[str], Awaitable[UsedModel]],
    ) -> None:
        self._run = run
        self._plan = plan
        self._steps = steps
        self._read = document
        self._calls = Calls(processes, clock)
        self._clock = clock
        self._telling = Telling(partial(steps.tell, run))
        self._document: Document | None = None
        self._outputs: dict[str, bytes] = {}
        self._items: dict[str, dict[int, Item]] = {}
        self._use = use
        self._used: dict[str, UsedModel] = {}
        self._skipped: set[str] = set()
        self._done: list[StepDone] = []

    async def made(self) -> Completed | Failed:
        """Execute the steps; a failure of any kind is told, not raised.

        Raises:
            StaleLease: the run was taken from this worker.
        """
        try:
            if self._plan.is_timed:
                await self._execute()
            else:
                async with asyncio.timeout(self._plan.pipeline.timeout_seconds):
                    await self._execute()
        except TimeoutError:
            seconds = self._plan.pipeline.timeout_seconds
            return Failed(TIMEOUT, f"the run took longer than {seconds:g} s", None, is_final=False)
        except StepError as error:
            return Failed.of(error.cause, error.step)
        except StaleLease:
            raise
        except OctavoError as error:
            return Failed.of(error)
        finally:
            await self._telling.close()
        return Completed(self._outputs, self._done)

    async def _execute(self) -> None:
        # A retried run counts its attempts anew, its fence grows with every one.
        if self._plan.keeps and self._run.fence > 1:
            await self._take_over()
        self._document = await self._read()
        if not self._plan.keeps and not self._plan.branches:
            (bound,) = self._plan.steps.values()
            await self._step(bound)
            return
        await self._walk()

    async def _take_over(self) -> None:
        for name, (done, output) in (await self._steps.finished(self._run.id)).items():
            if name in self._plan.steps:
                self._outputs[name] = output
                bound = self._plan.steps[name]
                self._done.append(
                    msgspec.structs.replace(done, component=bound.told, model=done.model or bound.model)
                )
            elif (place := place_of(name)) is not None:
                step, index = place
                self._items.setdefault(step, {})[index] = Item(output, done.metrics)

    async def _walk(self) -> None:
        """Every step as soon as those before it have ended; the first failure ends the others."""
        order = TopologicalSorter({name: bound.before for name, bound in self._plan.steps.items()})
        order.prepare()
        under_way: dict[asyncio.Task[None], str] = {}
        try:
            while order.is_active():
                for name in order.get_ready():
                    if name in self._outputs or self._skips(self._plan.steps[name]):
                        order.done(name)
                    else:
                        task = asyncio.create_task(self._step(self._plan.steps[name]))
                        under_way[task] = name
                if not under_way:
                    continue
                ended, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    name = under_way.pop(task)
                    task.result()
                    order.done(name)
        finally:
            await _end(under_way)

    def _skips(self, bound: Bound) -> bool:
        """Whether a step is skipped, which is written down then."""
        after = bound.step.after
        is_left_out = bool(after) and self._skipped.issuperset(after or ())
        if not is_left_out and (bound.when is None or matching.holds(bound.when, self._seen(bound))):
            return False
        self._skipped.add(bound.name)
        now = self._clock.now()
        self._done.append(
            StepDone(
                name=bound.name,
                attempt=self._run.attempt,
                started_at=now,
                ended_at=now,
                component=bound.told,
                state="skipped",
            )
        )
        return True

    def _seen(self, bound: Bound) -> dict[str, Any]:
        """What a step's condition and its list look at; of other steps only those that come before it."""
        seen: dict[str, Any] = {"input": decode(self._run.raw_input)}
        seen["outputs"] = {
            name: decode(self._outputs[name]) for name in bound.behind if name in self._outputs
        }
        if self._document is not None:
            seen["document"] = self._document.body
        return seen

    async def _step(self, bound: Bound) -> None:
        begun = self._clock.now()
        gathered: Gathered | None = None
        try:
            if bound.model is not None:
                # Told once: every call of the step uses this version, and the result names it.
                self._used[bound.name] = await self._use(bound.model)
            if bound.each is None:
                output, metrics = await self._calls.call(
                    bound, self._given(bound), self._telling.of(bound.name)
                )
            else:
                gathered = await self._gather(bound, bound.each)
                output, metrics = gathered.output, gathered.metrics
        except StaleLease:
            raise
        except Exception as error:
            raise StepError(bound.name, error) from error
        done = self._ended(bound, begun, metrics, gathered)
        # What stands behind the end of a run needs no place of its own.
        if self._plan.keeps:
            await self._keep(done, output)
        self._outputs[bound.name] = output
        self._done.append(done)

    def _ended(
        self, bound: Bound, begun: datetime, metrics: Metrics, gathered: Gathered | None = None
    ) -> StepDone:
        return StepDone(
            name=bound.name,
            attempt=self._run.attempt,
            started_at=begun,
            ended_at=max(self._clock.now(), begun),
            component=bound.told,
            model=self._model(bound),
            items=None if gathered is None else gathered.items,
            items_failed=0 if gathered is None else gathered.failed,
            metrics=metrics,
        )

    async def _keep(self, done: StepDone, output: bytes) -> None:
        if not await self._steps.keep(self._run, done, output):
            raise StaleLease(f"run {self._run.id} was taken from this worker", remedy="another one has it")

    async def _gather(self, bound: Bound, path: tuple[str, ...]) -> Gathered:
        """Call a step for each element of its list; what ended in an earlier attempt is not called again."""
        values = flow.elements(path, self._seen(bound))
        if values is None:
            raise StepFailed(
                f"the step {bound.name!r} is called for each of {bound.step.each!r}, which is no list"
            )
        if len(values) > flow.MAX_ITEMS:
            raise StepFailed(
                f"the step {bound.name!r} would be called for {len(values)} elements",
                remedy=f"the limit is {flow.MAX_ITEMS}: start a run for each",
            )
        raw = [encode(value) for value in values]
        tell = self._telling.of(bound.name)

        async def call(index: int) -> Item:
            begun = self._clock.now()
            given = self._given(bound, raw[index], index)
            output, metrics = await self._calls.call(bound, given, _not_heard)
            done = msgspec.structs.replace(
                self._ended(bound, begun, metrics), name=name_of(bound.name, index)
            )
            await self._keep(done, output)
            return Item(output, metrics)

        return await gather(
            len(values),
            self._items.get(bound.name, {}),
            call,
            at_once=bound.step.at_once,
            collects=bound.step.failing_items == "collect",
            tell=lambda done: tell(Progress(done, len(values))),
        )

    def _model(self, bound: Bound) -> str | None:
        return str(self._used[bound.name]) if bound.name in self._used else None

    def _given(self, bound: Bound, raw_item: bytes | None = None, index: int | None = None) -> Given:
        return Given(
            run_id=self._run.id,
            organization_id=self._run.organization_id,
            pipeline=self._run.pipeline,
            step=bound.name,
            attempt=self._run.attempt,
            document=self._document,
            raw_input=self._run.raw_input,
            raw_outputs=dict(self._outputs),
            model=self._model(bound),
            files=self._used[bound.name].files if bound.name in self._used else {},
            raw_item=raw_item,
            index=index,
        )


def _not_heard(_progress: Progress) -> None:
    """How far one element is does not matter: its list tells how many are done."""


def nested(fields: Mapping[str, str], outputs: Mapping[str, bytes]) -> dict[str, Any]:
    """A merge patch that puts outputs into fields, as `{"analysis.words": …}` into `{"analysis": {"words": …}}`.

    A step that was skipped has none.
    """
    patch: dict[str, Any] = {}
    for step, field in fields.items():
        if step not in outputs:
            continue
        *path, last = field.split(".")
        place = patch
        for part in path:
            place = place.setdefault(part, {})
        place[last] = msgspec.json.decode(outputs[step])
    return patch


async def _end(tasks: Mapping[asyncio.Task[None], str]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                log.debug("another step failed too", exc_info=task.exception())
