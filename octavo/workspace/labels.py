"""The labels of an organization."""

from __future__ import annotations

from octavo.store import labels
from octavo.values.label import Label
from octavo.workspace.documents import Bind


class Labels:
    """The labels of an organization: categories that its documents may have, in all namespaces."""

    def __init__(self, bind: Bind) -> None:
        self._bind = bind

    async def define(self, name: str, *, colour: str | None = None, description: str | None = None) -> Label:
        """Make a label, or give the one of this name a colour or a description.

        Args:
            name: 1 to 100 characters; names that differ in case only are one label.
            colour: as `#aa3300`; None keeps the one it has.
            description: at most 1,000 characters; None keeps the one it has.

        Raises:
            InvalidInput.
        """
        return await labels.define(await self._bind(), name, colour=colour, description=description)

    async def list(self, *, after: str = "", limit: int = 100) -> list[Label]:
        """Labels by name; `after` continues a listing."""
        return await labels.listing(await self._bind(), after=after, limit=limit)

    async def rename(self, name: str, new: str) -> Label:
        """Give a label another name; documents keep it. Raises `NotFound` and `AlreadyExists`."""
        return await labels.rename(await self._bind(), name, new)

    async def delete(self, name: str, *, dry_run: bool = False) -> int:
        """Delete a label and take it from its documents, a few hundred in one transaction.

        Interrupted, it leaves the label with the documents that are left: delete it again.

        Args:
            dry_run: only count.

        Returns:
            From how many documents it was taken, deleted ones included.

        Raises:
            NotFound: no such label.
        """
        return await labels.delete(await self._bind(), name, dry_run=dry_run)
