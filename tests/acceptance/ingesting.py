"""What tests of ingest ask for again and again."""

from __future__ import annotations

import uuid
from pathlib import Path

import octavo
from octavo.values.document import Document
from octavo.workspace import Workspace


async def organization(db: octavo.Octavo) -> Workspace:
    return db.organization((await db.organizations.create(f"test-{uuid.uuid4().hex}")).name)


async def live(view: Workspace) -> dict[str, Document]:
    """Live documents by the names of their files."""
    return {Path(doc.name).name: doc async for doc in view.documents.find()}


async def found(view: Workspace, words: str) -> list[str]:
    return [Path(hit.name).name for hit in (await view.search(words)).hits]
