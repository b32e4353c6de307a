"""The templates of one organization: reusable structures of texts, with versions and tags."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Mapping
from typing import Any

import msgspec

from octavo.components.template import Filled, check, filled
from octavo.errors import InvalidInput, NotFound
from octavo.postgres.pool import Pool
from octavo.store.scope import Scope
from octavo.values.document import Document, Tag
from octavo.values.pipeline import parse_reference
from octavo.values.template import NAMESPACE, TYPE, Template, parse_template
from octavo.workspace.documents import Bind, Documents


class Templates:
    """The templates of one organization: documents of the type `octavo.template` in the namespace `octavo`."""

    def __init__(self, bind: Bind, pool: Pool) -> None:
        async def bind_definitions() -> Scope:
            return msgspec.structs.replace(await bind(), namespace=NAMESPACE)

        self._documents = Documents(bind_definitions, pool)

    async def put(
        self, name: str, definition: Template | Mapping[str, Any], *, expect: int | None = None
    ) -> Document:
        """Create a template, or make its next version; pipelines that were put keep the version they have.

        Args:
            definition: an object with `structure`, whose `sections` have an `id` each, and if wanted `name`, `text`,
                `instructions`, `word_range` …; see `octavo.values.template.Section`.
            expect: 0 to create only; n to replace version n only.

        Raises:
            InvalidTemplate: a wrong or unknown field, or a text that could never be filled; says where.
            VersionConflict, AlreadyExists. MissingExtra: the extra `generate` is not installed.
        """
        template = _template(definition)
        check(template)
        return await self._documents.put(TYPE, template.as_dict(), name=name, expect=expect)

    async def get(self, template: str) -> Document:
        """A template's document at the version that `name`, `name@tag` or `name@version` means. Raises `NotFound`."""
        reference = parse_reference(template)
        try:
            return await self._documents.get(
                TYPE, name=reference.name, tag=reference.tag, version=reference.version
            )
        except NotFound:
            raise NotFound(
                f"there is no template {str(reference)!r}", remedy="see `octavo template list`"
            ) from None

    async def list(self, *, where: Mapping[str, Any] | None = None) -> builtins.list[Document]:
        """Templates by name, at their newest versions.

        Args:
            where: a filter, as `{"metadata.category": "educational"}`.
        """
        return [document async for document in self._documents.find(TYPE, where=where, order="@name")]

    async def tag(self, template: str, tag: str, *, version: int | None = None) -> Tag:
        """Point a tag, as `production` or `1.3.0`, to a version of a template; without one to the newest."""
        document = await self.get(parse_reference(template).name)
        return await self._documents.tag(document.id, tag, version=version)

    async def render(self, template: str, data: Mapping[str, Any] | None = None) -> Filled:
        """Fill a template: its sections and their text as Markdown; nothing is stored.

        Args:
            template: `name`, `name@tag` or `name@version`.
            data: the variables: a JSON object.

        Raises:
            InvalidTemplate: a variable that is not given, by its name; more or fewer sub-sections than there may be.
            LimitExceeded: loops of too many rounds, or too long a text. NotFound.
        """
        document = await self.get(template)
        definition = parse_template(document.body)
        return await asyncio.to_thread(filled, definition, data or {}, document.name, document.version)


def _template(definition: Template | Mapping[str, Any]) -> Template:
    if isinstance(definition, Template):
        return parse_template(definition.as_dict())
    if not isinstance(definition, Mapping):
        raise InvalidInput(f"a template is an object, not a {type(definition).__name__}")
    return parse_template(definition)
