"""One attempt of a run: its steps in the order of the DAG, those that may together together.

A step that ended in an earlier attempt is not repeated: its output is read. Each output but those of the last steps
is kept as soon as it is there, under the fence; the last ones are kept with the end of the run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from graphlib import TopologicalSorter
from typing import Any

import msgspec

from octavo.errors import InvalidInput, NotFound, OctavoError, StaleLease, StepFailed
from octavo.pipelines.clock import Clock
from octavo.pipelines.definitions import Bound, Plan
from octavo.pipelines.processes import Processes
from octavo.pipelines.queue import Claimed, Steps
from octavo.values.component import Given
from octavo.values.document import Document
from octavo.values.json import encode
from octavo.values.run import StepDone

log = logging.getLogger("octavo.pipelines")

TIMEOUT = "timeout"
_SHOWN = 2_000
# Trying these again gives the same: the input, not the moment, is wrong.
FINAL = (InvalidInput, NotFound, StepFailed)


class Completed(msgspec.Struct, frozen=True):
    """What an attempt gave: the outputs by step, and the steps that ended, reused ones among them."""

    outputs: dict[str, bytes]
    steps: list[StepDone]

    @property
    def output(self) -> bytes:
        """All outputs as one JSON object."""
        return encode({name: msgspec.Raw(raw) for name, raw in self.outputs.items()})


class Failed(msgspec.Struct, frozen=True):
    """Why an attempt failed, and whether another one is of use."""

    code: str
    message: str
    step: str | None
    is_final: bool

    @classmethod
    def of(cls, error: BaseException, step: str | None = None) -> Failed:
        """The failure that an exception means. What it says is kept, cut to 2,000 characters."""
        message = (str(error) or type(error).__name__).replace("\x00", "")[:_SHOWN]
        if isinstance(error, OctavoError):
            return cls(error.code, message, step, isinstance(error, FINAL))
        if isinstance(error, TimeoutError):
            return cls(TIMEOUT, message, step, False)
        return cls(type(error).__name__, message, step, False)

    def encoded(self) -> bytes:
        """The failure as the run keeps it."""
        told = {"code": self.code, "message": self.message, "step": self.step}
        return encode({name: value for name, value in told.items() if value is not None})


class StepError(Exception):
    """A step of an attempt failed, by an exception of the component's own."""

    def __init__(self, step: str, cause: Exception) -> None:
        super().__init__(step)
        self.step = step
        self.cause = cause


class Attempt:
    """One attempt of a run.

    Args:
        document: read when the first step needs it.
        processes: for components that compute.
    """

    def __init__(
        self,
        run: Claimed,
        plan: Plan,
        steps: Steps,
        document: Callable[[], Awaitable[Document | None]],
        *,
        processes: Processes,
        clock: Clock,
    ) -> None:
        self._run = run
        self._plan = plan
        self._steps = steps
        self._read = document
        self._processes = processes
        self._clock = clock
        self._document: Document | None = None
        self._outputs: dict[str, bytes] = {}
        self._done: list[StepDone] = []

    async def made(self) -> Completed | Failed:
        """Execute the steps; a failure of any kind is told, not raised.

        Raises:
            StaleLease: the run was taken from this worker.
        """
        try:
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
        return Completed(self._outputs, self._done)

    async def _execute(self) -> None:
        # A retried run counts its attempts anew, its fence grows with every one.
        if len(self._plan.steps) > 1 and self._run.fence > 1:
            await self._take_over()
        self._document = await self._read()
        if len(self._plan.steps) == 1:
            (bound,) = self._plan.steps.values()
            await self._step(bound)
            return
        await self._walk()

    async def _take_over(self) -> None:
        for name, (done, output) in (await self._steps.finished(self._run.id)).items():
            if name in self._plan.steps:
                self._outputs[name] = output
                self._done.append(msgspec.structs.replace(done, component=_component(self._plan.steps[name])))

    async def _walk(self) -> None:
        """Every step as soon as those before it have ended; the first failure ends the others."""
        order = TopologicalSorter({name: bound.before for name, bound in self._plan.steps.items()})
        order.prepare()
        under_way: dict[asyncio.Task[None], str] = {}
        try:
            while order.is_active():
                for name in order.get_ready():
                    if name in self._outputs:
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
            await _ended(under_way)

    async def _step(self, bound: Bound) -> None:
        begun = self._clock.now()
        try:
            async with asyncio.timeout(bound.step.timeout_seconds):
                output = bound.component.encoded(await self._call(bound))
        except TimeoutError as error:
            slow = TimeoutError(f"the step took longer than {bound.step.timeout_seconds:g} s")
            raise StepError(bound.name, error if str(error) else slow) from error
        except Exception as error:
            raise StepError(bound.name, error) from error
        done = StepDone(
            name=bound.name,
            attempt=self._run.attempt,
            started_at=begun,
            ended_at=max(self._clock.now(), begun),
            component=_component(bound),
        )
        # What stands behind the end of a run needs no place of its own.
        if len(self._plan.steps) > 1 and not await self._steps.keep(self._run, done, output):
            raise StaleLease(f"run {self._run.id} was taken from this worker", remedy="another one has it")
        self._outputs[bound.name] = output
        self._done.append(done)

    async def _call(self, bound: Bound) -> Any:
        given = Given(
            run_id=self._run.id,
            organization_id=self._run.organization_id,
            pipeline=self._run.pipeline,
            step=bound.name,
            attempt=self._run.attempt,
            document=self._document,
            raw_input=self._run.raw_input,
            raw_outputs=dict(self._outputs),
        )
        match bound.component.place:
            case "here":
                return await bound.call(given)
            case "thread":
                return await asyncio.to_thread(bound.call, given)
            case "process":
                return await self._processes.call(bound.component, bound.config, given)


def nested(fields: Mapping[str, str], outputs: Mapping[str, bytes]) -> dict[str, Any]:
    """A merge patch that puts outputs into fields, as `{"analysis.words": …}` into `{"analysis": {"words": …}}`."""
    patch: dict[str, Any] = {}
    for step, field in fields.items():
        *path, last = field.split(".")
        place = patch
        for part in path:
            place = place.setdefault(part, {})
        place[last] = msgspec.json.decode(outputs[step])
    return patch


def _component(bound: Bound) -> str:
    return f"{bound.component.name} {bound.component.version}"


async def _ended(tasks: Mapping[asyncio.Task[None], str]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                log.debug("another step failed too", exc_info=task.exception())
