"""Results as the record keeps them: of which version of which document, by which model, and whether they still hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from octavo.errors import InvalidInput
from octavo.values.actor import Actor
from octavo.values.json import decode
from octavo.values.result import ProcessingType, result_shape
from octavo.values.run import State

MAX_VALUE_BYTES = 1024 * 1024
MAX_OPTIONS_BYTES = 64 * 1024
# Why a result does not hold any more: its document went on, or another version of its model serves.
Staleness = Literal["document", "model"]


class Metrics(BaseModel):
    """What making a result took; what nobody measured is None, never 0.

    Attributes:
        memory_usage_mb: the most that was held, in 10^6 bytes.
        cpu_time_ms: milliseconds of a processor.
        tokens_processed: of a language model, in and out.
        batch_size: documents that were processed together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    memory_usage_mb: Annotated[float, Field(gt=0)] | None = None
    cpu_time_ms: Annotated[float, Field(gt=0)] | None = None
    tokens_processed: Annotated[int, Field(gt=0)] | None = None
    batch_size: Annotated[int, Field(gt=0)] | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What processing gave of one version of a document.

    Attributes:
        version: of the document, that was read.
        model, model_version: what made it: a model of the registry, another one, or the component itself.
        options: that it was made with.
        status: `completed` with a value, or `failed` with an error.
        label: what a classification, a sentiment or topics predict; None for other types.
        score: how sure the model was, or the ratio of a summary; None for other types.
        stale: why it holds no more; empty while it does.
        run_id, step, component: the run that made it; None when a service stored it.
        changed: False when it was stored just so before.
    """

    id: UUID
    document_id: UUID
    version: int
    type: ProcessingType
    model: str
    model_version: str
    status: State
    label: str | None
    score: float | None
    stale: tuple[Staleness, ...]
    started_at: datetime
    ended_at: datetime
    created_at: datetime
    updated_at: datetime
    actor: Actor
    run_id: UUID | None
    step: str | None
    component: str | None
    raw_options: bytes
    raw_value: bytes | None
    raw_error: bytes | None
    raw_metrics: bytes

    @property
    def value(self) -> Any:
        """The value in the shape of its type, as `octavo.values.result.Classification`; None when it failed."""
        return None if self.raw_value is None else result_shape(self.type, decode(self.raw_value))

    @property
    def options(self) -> dict[str, Any]:
        """What it was made with."""
        options: dict[str, Any] = decode(self.raw_options)
        return options

    @property
    def error_message(self) -> str | None:
        """Why it failed, in a sentence; None when it did not."""
        return None if self.raw_error is None else decode(self.raw_error)["message"]

    @property
    def error_details(self) -> dict[str, Any] | None:
        """What there is to tell of the failure; None when there was none."""
        return None if self.raw_error is None else decode(self.raw_error).get("details", {})

    @property
    def metrics(self) -> Metrics:
        """What making it took."""
        return Metrics.model_validate(decode(self.raw_metrics))

    @property
    def processing_time_ms(self) -> float:
        """From its start to its end."""
        return (self.ended_at - self.started_at).total_seconds() * 1000

    @property
    def made_by(self) -> str:
        """`model@version`."""
        return f"{self.model}@{self.model_version}"

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "id": str(self.id),
            "document_id": str(self.document_id),
            "version": self.version,
            "type": self.type,
            "model": self.model,
            "model_version": self.model_version,
            "options": self.options,
            "status": self.status,
            "value": None if self.raw_value is None else decode(self.raw_value),
            "error_message": self.error_message,
            "error_details": self.error_details,
            "label": self.label,
            "score": self.score,
            "stale": list(self.stale),
            "metrics": self.metrics.model_dump(),
            "run_id": str(self.run_id) if self.run_id else None,
            "step": self.step,
            "component": self.component,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "processing_time_ms": self.processing_time_ms,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "actor": str(self.actor),
        }


class ResultPage(msgspec.Struct, frozen=True):
    """Some results, newest first; `before` is where the next page begins, and None when there are no more."""

    results: list[Result]
    before: UUID | None


class ResultGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Results of one label: how many documents have it, and how sure the model was of them."""

    label: str | None
    documents: int
    score_mean: float | None
    score_least: float | None

    def as_dict(self) -> dict[str, Any]:
        """The group as plain data."""
        return msgspec.structs.asdict(self)


def metrics_of(given: object) -> Metrics:
    """Metrics from what a caller gave; raises `InvalidInput`, which names the field."""
    try:
        return Metrics.model_validate(given or {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise InvalidInput(
            f"these are no metrics: {path}: {first['msg']}",
            remedy=f"they are {', '.join(Metrics.model_fields)}; leave out what was not measured",
        ) from None
