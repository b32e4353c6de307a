"""Results on their way to the record: what the steps of a run give of its document, as the end of the run keeps it.

A step makes a result when its component's output is one of the shapes of `octavo.values.result`. It is of the version
of the document that the run has read; a run that writes into its document makes the next version, which it fits too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from uuid_utils.compat import uuid7

from octavo.pipelines.defining.definitions import Bound, Plan
from octavo.pipelines.executing.execution import Completed
from octavo.pipelines.queueing.queue import Claimed
from octavo.values.account import Metrics
from octavo.values.json import encode
from octavo.values.result import processing_type_of
from octavo.values.run import StepDone


def results_of(run: Claimed, plan: Plan, made: Completed, *, written: int | None = None) -> bytes | None:
    """The results of a run that completed, as a JSON list; None when it gives none.

    Args:
        written: the version that the run makes of its document, if it does.
    """
    if run.document_version is None:
        return None
    # What somebody else wrote in between, the run has not read.
    fits = written if written == run.document_version + 1 else run.document_version
    found = [
        {**_result(bound, done, made.outputs[done.name]), "fits_version": fits}
        for bound, done in _making(plan, made)
    ]
    return encode(found) if found else None


def _making(plan: Plan, made: Completed) -> Iterator[tuple[Bound, StepDone]]:
    """The steps that make results. One that is called for each of a list is of its elements, not of the document."""
    for done in made.steps:
        bound = plan.steps[done.name]
        is_whole = done.state == "completed" and done.items is None
        if is_whole and processing_type_of(bound.component.result) is not None:
            yield bound, done


def _result(bound: Bound, done: StepDone, output: bytes) -> dict[str, Any]:
    component = bound.component
    name, _, version = (done.model or "").rpartition("@")
    return {
        "id": uuid7(),
        "type": processing_type_of(component.result),
        # Without a model, or a version of it, it is the component that says what made the result.
        "model": name or version or component.name,
        "model_version": version if name else str(component.version),
        "options": msgspec.Raw(bound.config),
        "value": msgspec.Raw(output),
        "metrics": _metrics(done.metrics),
        "step": done.name,
        "component": f"{component.name} {component.version}",
        "started_at": done.started_at,
        "ended_at": done.ended_at,
    }


def _metrics(used: Metrics) -> dict[str, float]:
    """What was measured; what nobody could measure is left out, for 0 would be a figure."""
    tokens = used.tokens_in + used.tokens_out
    told = {
        "memory_usage_mb": used.memory_mb,
        "cpu_time_ms": round(used.cpu_seconds * 1000, 3),
        "tokens_processed": tokens,
        "batch_size": 1,
    }
    return {name: value for name, value in told.items() if value}
