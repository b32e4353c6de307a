"""The types of links of an organization, and the links of a type."""

from __future__ import annotations

from octavo.store import links
from octavo.values.link import LinkPage, LinkType
from octavo.workspace.documents import Bind


class Links:
    """The types of links of an organization; the links themselves are made by `documents.link`."""

    def __init__(self, bind: Bind) -> None:
        self._bind = bind

    async def define(self, type: str, *, symmetric: bool = False, description: str | None = None) -> LinkType:
        """Make a type of links, or describe the one of this name.

        Args:
            type: a small letter, then small letters, digits, `_` and `-`, 63 at most.
            symmetric: its links have no direction: one stands for both, and is found from either end.
            description: at most 1,000 characters; None keeps the one it has.

        Raises:
            Conflict: there are links of the type with the other direction. InvalidInput.
        """
        return await links.define(await self._bind(), type, symmetric=symmetric, description=description)

    async def types(self, *, after: str = "", limit: int = 100) -> list[LinkType]:
        """Types of links by name; `after` continues a listing."""
        return await links.types(await self._bind(), after=after, limit=limit)

    async def delete(self, type: str) -> None:
        """Delete a type of which there are no links; raises `NotFound` and `Conflict`."""
        await links.delete_type(await self._bind(), type)

    async def list(self, type: str, *, limit: int = 100, cursor: str | None = None) -> LinkPage:
        """All links of a type between live documents, newest first; `cursor` continues a listing."""
        return await links.of_type(await self._bind(), type, limit=limit, cursor=cursor)
