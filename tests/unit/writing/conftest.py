from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from octavo.values.actor import Actor
from octavo.values.component import Given
from octavo.values.document import Document
from octavo.values.json import encode
from octavo.values.position import Position

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def given() -> Callable[..., Given]:
    """What a step is given: a document with a body, the run's input, outputs of earlier steps."""

    def make(body: Any = None, *, input: Any = None, **outputs: Any) -> Given:
        return Given(
            run_id=uuid.UUID(int=7),
            organization_id=uuid.UUID(int=1),
            pipeline="p",
            step="s",
            attempt=1,
            document=None if body is None else document(body),
            raw_input=encode(input or {}),
            raw_outputs={name: encode(output) for name, output in outputs.items()},
        )

    return make


def document(body: Any) -> Document:
    ann = Actor("ann")
    return Document(
        id=uuid.UUID(int=3),
        namespace="default",
        type="note",
        name="n",
        version=1,
        created_at=MOMENT,
        created_by=ann,
        updated_at=MOMENT,
        updated_by=ann,
        deleted_at=None,
        position=Position(0, 1, 1, 1),
        raw_body=encode(body),
        raw_metadata=b"{}",
    )
