"""The components' documents of one organization: configurations of components in code, under names of their own."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

import msgspec

from octavo.errors import Conflict, NotFound
from octavo.pipelines.defining.configured import checked_component
from octavo.pipelines.defining.definitions import Components as Known
from octavo.postgres.pool import Pool
from octavo.store.scope import Scope
from octavo.values import pipeline
from octavo.values.configured import TYPE, Configured, parse_configured
from octavo.values.document import Document, Tag
from octavo.values.pipeline import NAMESPACE, parse_reference
from octavo.workspace.documents import Bind, Documents

_SHOWN = 5


class Components:
    """Components with a configuration: documents of the type `octavo.component` in the namespace `octavo`.

    A step of a pipeline names one as `summarizer@production`; what it says at that version is written into the
    pipeline when that is put.
    """

    def __init__(self, bind: Bind, pool: Pool, known: Known) -> None:
        async def bind_definitions() -> Scope:
            return msgspec.structs.replace(await bind(), namespace=NAMESPACE)

        self._known = known
        self._documents = Documents(bind_definitions, pool)

    async def put(
        self, name: str, definition: Configured | Mapping[str, Any], *, expect: int | None = None
    ) -> Document:
        """Create a component, or make its next version; pipelines that were put keep what they have.

        Args:
            definition: an object with `component` (the one in code), and if wanted `version`, `config`,
                `description`, `is_active`, `price`, `input_format` and `output_format`.
            expect: 0 to create only; n to replace version n only.

        Raises:
            InvalidPipeline: an unknown component, a configuration that does not fit its model, or a name that a
                component in code has. VersionConflict, AlreadyExists.
        """
        configured = checked_component(name, parse_configured(definition), self._known)
        return await self._documents.put(TYPE, configured.as_dict(), name=name, expect=expect)

    async def get(self, component: str) -> Document:
        """A component's document at the version that `name`, `name@tag` or `name@version` means. Raises `NotFound`."""
        reference = parse_reference(component)
        try:
            return await self._documents.get(
                TYPE, name=reference.name, tag=reference.tag, version=reference.version
            )
        except NotFound:
            raise NotFound(
                f"there is no component {str(reference)!r}", remedy="see `octavo component list`"
            ) from None

    async def list(self) -> builtins.list[Document]:
        """All components' documents by name, at their newest versions."""
        return [document async for document in self._documents.find(TYPE, order="@name")]

    async def tag(self, component: str, tag: str, *, version: int | None = None) -> Tag:
        """Point a tag, as `production`, to a version of a component; without one to the newest."""
        document = await self.get(parse_reference(component).name)
        return await self._documents.tag(document.id, tag, version=version)

    async def used_by(self, component: str) -> builtins.list[Document]:
        """The pipelines whose newest versions use a component, by name."""
        document = await self.get(parse_reference(component).name)
        where = {"steps.uses.id": str(document.id)}
        return [one async for one in self._documents.find(pipeline.TYPE, where=where, order="@name")]

    async def delete(self, component: str) -> Document:
        """Delete a component's document, softly as any document.

        Raises:
            Conflict: the newest version of a pipeline uses it. NotFound.
        """
        document = await self.get(parse_reference(component).name)
        using = [one.name or "" for one in await self.used_by(component)]
        if using:
            raise Conflict(
                f"the component {document.name!r} is used by {len(using)} pipelines: {', '.join(using[:_SHOWN])}",
                remedy="put these with another component, or delete them first",
            )
        return await self._documents.delete(document.id)
