"""Models: what the registry knows of them. A model is a document, so it has versions; each version has a stage."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from octavo.errors import InvalidInput
from octavo.values.actor import Actor
from octavo.values.position import Position
from octavo.values.result import ProcessingType

NAMESPACE = "octavo"
TYPE = "octavo.model"
PRODUCTION = "production"
MAX_ARTIFACTS = 100
MAX_ARTIFACT_BYTES = 16 * 1024**3

Stage = Literal["training", "validation", "deployed", "deprecated", "failed"]
STAGES: tuple[Stage, ...] = get_args(Stage)
# What a stage may become by a word of its own; `deployed` comes and goes with the environments alone.
FOLLOWS: dict[Stage, frozenset[Stage]] = {
    "training": frozenset({"validation", "failed"}),
    "validation": frozenset({"deprecated", "failed"}),
    "deployed": frozenset(),
    "deprecated": frozenset({"validation"}),
    "failed": frozenset(),
}
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_ARTIFACT = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}")
_REFERENCE = re.compile(r"(?P<name>[^@]{1,200})(?:@(?P<which>[A-Za-z0-9_.+:-]{1,100}))?")
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(max_length=2_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TrainingData(_Part):
    """What a model was trained on; a `dataset_id` that is a UUID must be that of a document."""

    dataset_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    sample_count: Annotated[int, Field(ge=0)] | None = None
    features: list[str] = []
    labels: list[str] = []
    data_quality_score: Share | None = None


class Performance(_Part):
    """How good a model is, measured on what it was not trained on; all shares are 0 to 1."""

    accuracy: Share | None = None
    precision: Share | None = None
    recall: Share | None = None
    f1_score: Share | None = None
    validation_metrics: dict[str, Any] = {}
    benchmark_results: dict[str, Any] = {}


class Endpoint(_Part):
    """How a model that runs as a service is deployed; hosts of the URLs must be allowed (`model_hosts`)."""

    endpoint_url: Annotated[str, Field(max_length=2_000)] | None = None
    container_image: Annotated[str, Field(max_length=500)] | None = None
    resource_requirements: dict[str, Any] = {}
    scaling_config: dict[str, Any] = {}
    health_check_url: Annotated[str, Field(max_length=2_000)] | None = None


class Card(_Part):
    """What one version of a model's document holds."""

    type: ProcessingType
    display_name: Annotated[str, Field(max_length=200)] = ""
    description: Text = ""
    algorithm: Annotated[str, Field(max_length=200)] = ""
    framework: Annotated[str, Field(max_length=200)] = ""
    parameters: dict[str, Any] = {}
    preprocessing_config: dict[str, Any] = {}
    training_data: TrainingData = TrainingData()
    performance: Performance = Performance()
    deployment: Endpoint = Endpoint()
    # The digests of its files: with other weights it is another version.
    artifacts: dict[str, str] = {}
    metadata: dict[str, Any] = {}


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a model's version; `blob` names it in the blob store, `sha256` is of its bytes."""

    name: str
    sha256: str
    bytes: int
    blob: str


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model.

    Attributes:
        id: of the model's document.
        stage: `deployed` as long as it serves in an environment.
        environments: in which it serves.
        deployed_at: when it last became deployed, though it may serve no more.
        changed: False when an equal version was there already, and is this one.
        position: a place in the log at which it is included.
    """

    id: UUID
    name: str
    version: int
    stage: Stage
    environments: tuple[str, ...]
    card: Card
    artifacts: tuple[Artifact, ...]
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    deployed_at: datetime | None
    deprecated_at: datetime | None
    position: Position
    changed: bool = True

    @property
    def type(self) -> ProcessingType:
        """What it is for."""
        return self.card.type

    @property
    def reference(self) -> str:
        """`name@version`, as results and steps name it."""
        return f"{self.name}@{self.version}"

    def as_dict(self) -> dict[str, Any]:
        """The version as plain data."""
        return {
            "id": str(self.id),
            "name": self.name,
            "version": self.version,
            "stage": self.stage,
            "environments": list(self.environments),
            **self.card.model_dump(mode="json", exclude={"artifacts"}),
            "artifacts": [msgspec.structs.asdict(artifact) for artifact in self.artifacts],
            "created_at": self.created_at.isoformat(),
            "created_by": str(self.created_by),
            "updated_at": self.updated_at.isoformat(),
            "deployed_at": self.deployed_at.isoformat() if self.deployed_at else None,
            "deprecated_at": self.deprecated_at.isoformat() if self.deprecated_at else None,
            "position": str(self.position),
            "changed": self.changed,
        }


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A move of an environment: from which version to which, by whom; `version` is None when it was withdrawn."""

    model: str
    environment: str
    version: int | None
    previous: int | None
    moved_at: datetime
    moved_by: Actor

    def as_dict(self) -> dict[str, Any]:
        """The move as plain data."""
        return {
            "model": self.model,
            "environment": self.environment,
            "version": self.version,
            "previous": self.previous,
            "moved_at": self.moved_at.isoformat(),
            "moved_by": str(self.moved_by),
        }


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What a health check of a deployed model gave; `told` is the status, or why there was none."""

    model: str
    environment: str
    version: int
    url: str
    is_healthy: bool
    told: str
    checked_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The check as plain data."""
        return {**msgspec.structs.asdict(self), "checked_at": self.checked_at.isoformat()}


class UsedModel(msgspec.Struct, frozen=True):
    """The one version of a model that a step uses, and the paths of its files on this machine, by their names."""

    name: str
    version: str | None
    files: dict[str, str] = {}

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}@{self.version}"


class ModelReference(msgspec.Struct, frozen=True):
    """Which version of a model: `ticket-topic@3`, or `ticket-topic@production`, or what serves in production."""

    name: str
    version: int | None = None
    environment: str | None = None


def parse_model(text: object) -> ModelReference:
    """Read a reference to a model; raises `InvalidInput`."""
    found = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InvalidInput(
            f"{str(text)[:200]!r} names no model",
            remedy="write NAME, NAME@VERSION or NAME@ENVIRONMENT, as ticket-topic@production",
        )
    which = found["which"]
    if which is not None and which.isdecimal() and len(which) <= 9:
        return ModelReference(found["name"], version=int(which))
    return ModelReference(found["name"], environment=which)


def as_named(reference: str) -> UsedModel:
    """A model that no registry knows, as the one of a service: by the name and version that it is called."""
    name, separator, version = reference.rpartition("@")
    return UsedModel(name, version) if separator else UsedModel(reference, None)


def model_name(text: str) -> str:
    """The name of a model to be registered; raises `InvalidInput` when it cannot be one."""
    if not _NAME.fullmatch(text):
        raise InvalidInput(
            f"{text[:200]!r} cannot be the name of a model",
            remedy="use letters, digits and _ . : / - up to 200, and begin with a letter or a digit",
        )
    return text


def environment_name(text: str) -> str:
    """The name of an environment, as `production`; raises `InvalidInput`."""
    if not _ENVIRONMENT.fullmatch(text):
        raise InvalidInput(
            f"{text[:100]!r} is no environment", remedy="use small letters, digits, _ and -, 63 at most"
        )
    return text


def artifact_name(text: str) -> str:
    """The name of an artifact, as `weights`: a name and never a path; raises `InvalidInput`."""
    if not _ARTIFACT.fullmatch(text):
        raise InvalidInput(
            f"{text[:100]!r} cannot be the name of an artifact",
            remedy="use small letters, digits, _ . and -, 63 at most: it is a name, not a path",
        )
    return text


def stage_name(text: object) -> Stage:
    """A stage by its name; raises `InvalidInput` for another word."""
    if text not in STAGES:
        raise InvalidInput(
            f"{str(text)[:100]!r} is no stage of a model", remedy=f"the stages are {', '.join(STAGES)}"
        )
    return text


def card_of(fields: dict[str, Any]) -> Card:
    """A card from what a caller gave; raises `InvalidInput`, which names the field."""
    try:
        return Card.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise InvalidInput(
            f"this describes no model: {path}: {first['msg']}", remedy="see docs/how-to/register-models.md"
        ) from None
