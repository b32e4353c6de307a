"""Archives among the files: opened as they come, their members read like files, their loss of members noticed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from octavo.errors import IngestFault, MissingExtra, OctavoError, RefusedFile, UnreadableFile
from octavo.ingest.archives.member import Budget, Member
from octavo.ingest.archives.opening import Format, format_of, may_be_archive, opened
from octavo.ingest.extracted import Failed, Found, Place
from octavo.ingest.limits import Limits
from octavo.ingest.staging import Staging
from octavo.ingest.summary import Summary
from octavo.ingest.vanished import IN_ARCHIVE, delete
from octavo.store import sources
from octavo.store.scope import Scope
from octavo.store.sources import Source

_MEMBERS_AT_ONCE = 16


class Archives:
    """The archives of one run.

    An archive is no document of its own; its members are, and are known by `archive!/member`. When all of them are
    stored, the ledger notes the archive itself, and the next run does not open it unless it has changed.
    """

    def __init__(self, scope: Scope, limits: Limits, staging: Staging, summary: Summary) -> None:
        self._scope = scope
        self._limits = limits
        self._staging = staging
        self._summary = summary
        self._through: list[_Opening] = []

    async def opened(self, files: AsyncIterator[Found | Failed]) -> AsyncIterator[Found | Failed]:
        """The files, with the members of archives in place of these; members read before are passed over."""
        async for file in files:
            format = await self._format(file)
            if format is None or isinstance(file, Failed):
                yield file
                continue
            async for member in self._members(file, format):
                yield member

    async def settle(self, failures: Iterable[Failed]) -> None:
        """After all was stored: delete what archives have lost, and note those whose members were all read."""
        failed = {failure.place.container for failure in failures if failure.place}
        for opening in self._through:
            lost = [source for key, source in opening.known.items() if key not in opening.met]
            before = await sources.known(self._scope, [opening.key])
            self._summary.deleted += await delete(self._scope, [*lost, *before.values()])
            if opening.key not in failed:
                await sources.record(self._scope, [opening.source()])
        self._through.clear()

    async def _format(self, file: Found | Failed) -> Format | None:
        if isinstance(file, Failed) or not may_be_archive(file.path.name):
            return None
        try:
            return await asyncio.to_thread(format_of, file.path, file.path.name)
        except OSError:
            return None  # reading it will say so

    async def _members(self, file: Found, format: Format) -> AsyncIterator[Found | Failed]:
        place = self._staging.place(file.path) or Place(str(file.path))
        key = sources.key_of(place.name)
        known = {source.key: source async for source in sources.inside(self._scope, key)}
        opening = _Opening(file, place, key, known, Budget(self._limits, file.bytes))
        self._summary.files -= 1  # its members count
        items = self._unpacked(file.path, format, opening)
        while some := await asyncio.to_thread(lambda: list(islice(items, _MEMBERS_AT_ONCE))):
            self._summary.files += len(some)
            for item in some:
                if isinstance(item, Found | Failed):
                    yield item
                else:
                    self._summary.unchanged += 1
        if opening.is_whole:
            await asyncio.to_thread(opening.seal)
            self._through.append(opening)
        await self._staging.release([file.path])

    def _unpacked(self, path: Path, format: Format, opening: _Opening) -> Iterator[Found | Failed | Source]:
        """Members to be read, failures, and members that are as they were; blocks while it unpacks."""
        try:
            yield from self._inside(path, format, opening.place.name, opening, 1)
        except (IngestFault, MissingExtra) as error:
            yield opening.broken(error)
        except OSError as error:
            yield opening.broken(UnreadableFile(f"it cannot be opened: {error.strerror or error}"))

    def _inside(
        self, path: Path, format: Format, name: str, opening: _Opening, depth: int
    ) -> Iterator[Found | Failed | Source]:
        with opened(path, format, opening.budget) as members:
            for member in members:
                if not isinstance(member, Member):
                    yield opening.refused(
                        f"{name}{IN_ARCHIVE}{member.name}" if member.name else name, member.error
                    )
                    continue
                place = opening.member(f"{name}{IN_ARCHIVE}{member.name}")
                if may_be_archive(member.name):
                    yield from self._nested(member, place, opening, depth)
                elif known := opening.unchanged(place, member):
                    yield known
                else:
                    yield self._staged(member, place)

    def _nested(
        self, member: Member, place: Place, opening: _Opening, depth: int
    ) -> Iterator[Found | Failed | Source]:
        """An archive in an archive; it is no file of its own either."""
        path = self._staging.path(PurePosixPath(member.name).name)
        is_archive = False
        try:
            member.save(path)
            format = format_of(path, member.name)
            is_archive = format is not None
            if format is None:
                yield self._staging.found(path, place, member.modified_ns)
            elif depth >= self._limits.max_archive_depth:
                raise RefusedFile(f"an archive inside of {depth} others", remedy="raise max_archive_depth")
            else:
                yield from self._inside(path, format, place.name, opening, depth + 1)
        except (IngestFault, MissingExtra) as error:
            opening.keep_below(place.name)
            yield opening.refused(place.name, error)
        finally:
            if is_archive:
                self._staging.discard(path)

    def _staged(self, member: Member, place: Place) -> Found | Failed:
        path = self._staging.path(PurePosixPath(member.name).name)
        try:
            member.save(path)
        except UnreadableFile as error:
            self._staging.discard(path)
            return Failed(Path(place.name), error.code, str(error), place)
        return self._staging.found(path, place, member.modified_ns)


@dataclass
class _Opening:
    """One archive that is open, with what the ledger knows of its members."""

    file: Found
    place: Place
    key: bytes
    known: Mapping[bytes, Source]
    budget: Budget
    met: set[bytes] = field(default_factory=set)
    is_whole: bool = True
    sha256: bytes = b""

    def member(self, name: str) -> Place:
        """The place of a member, which was met herewith."""
        self.met.add(sources.key_of(name))
        return Place(name, container=self.key, url=self.place.url)

    def unchanged(self, place: Place, member: Member) -> Source | None:
        """What the ledger knows of a member, if that is still so."""
        source = self.known.get(sources.key_of(place.name))
        is_same = source and (source.size_bytes, source.modified_ns) == (member.bytes, member.modified_ns)
        return source if is_same else None

    def refused(self, name: str, error: OctavoError) -> Failed:
        """A member that is not read; it was met, so what is known of it stays."""
        place = self.member(name)
        return Failed(Path(name), error.code, str(error), place)

    def keep_below(self, name: str) -> None:
        """Lose nothing of an archive in this one, which could not be read to its end."""
        below = sources.shown(f"{name}{IN_ARCHIVE}")
        self.met |= {key for key, source in self.known.items() if source.path.startswith(below)}

    def broken(self, error: OctavoError) -> Failed:
        """The end of an archive that cannot be read further: what was not met may be there."""
        self.is_whole = False
        return self.refused(self.place.name, error)

    def seal(self) -> None:
        """Take the archive's checksum."""
        with self.file.path.open("rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256").digest()

    def source(self) -> Source:
        """The archive in the ledger."""
        return Source(
            path=sources.shown(self.place.name),
            key=self.key,
            size_bytes=self.file.bytes,
            modified_ns=self.file.modified_ns,
            sha256=self.sha256,
            documents=(),
            etag=self.place.etag,
            last_modified=self.place.last_modified,
        )
