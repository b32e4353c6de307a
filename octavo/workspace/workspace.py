"""One organization's view of the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec

from octavo.analytics.counting import Counting
from octavo.feed.wakeup import Wakeup
from octavo.ingest.limits import Limits
from octavo.ingest.run import ingest, ingest_bytes
from octavo.ingest.summary import Summary, Watch
from octavo.ingest.watch import watched
from octavo.ingest.web.urls import is_url, listed
from octavo.operations.export import ExportReport, export_documents
from octavo.operations.imports import ImportReport, import_documents
from octavo.operations.progress import Progress as Told
from octavo.operations.progress import silent
from octavo.postgres.pool import Pool
from octavo.roles.blobs import Blobs
from octavo.roles.embedder import Embedding
from octavo.search.hybrid import Asked, Hybrid, Mode, refuse
from octavo.search.query import Fallback, Hits, Search
from octavo.search.semantic import Semantic
from octavo.store.scope import Scope
from octavo.values.actor import Actor, parse_actor
from octavo.values.event import Event
from octavo.values.position import Position
from octavo.values.upcast import Upcasters
from octavo.workspace.analytics import Analytics
from octavo.workspace.audit import ReadAudit, audited
from octavo.workspace.batches import Batches
from octavo.workspace.components import Components
from octavo.workspace.documents import Bind, Documents
from octavo.workspace.events import Events
from octavo.workspace.labels import Labels
from octavo.workspace.links import Links
from octavo.workspace.models import ModelParts, Models
from octavo.workspace.pipelines import Pipelines, RunParts
from octavo.workspace.queries import Queries
from octavo.workspace.results import Results
from octavo.workspace.runs import Runs
from octavo.workspace.schedules import Schedules
from octavo.workspace.synonyms import SynonymSets
from octavo.workspace.templates import Templates
from octavo.workspace.topics import Topics
from octavo.workspace.transactions import UnitOfWork, UnitParts, unit_of_work
from octavo.workspace.triggers import Triggers


class Parts(msgspec.Struct, frozen=True):
    """What the views of all organizations share; made by the database."""

    pool: Pool
    wakeup: Wakeup
    search: Search
    semantic: Semantic
    blobs: Blobs
    runs: RunParts
    models: ModelParts
    upcasters: Upcasters = Upcasters()
    reads: ReadAudit | None = None
    counting: Counting | None = None


class Workspace:
    """One organization's view of the database.

    `documents` are those of its namespace; `namespace(…)` and `acting(…)` give other views of the same.
    """

    def __init__(self, parts: Callable[[], Parts], bind: Bind) -> None:
        self._given = parts
        self._bind = bind

    @property
    def documents(self) -> Documents:
        """The documents of this organization and namespace."""
        return audited(Documents(self._bind, self._parts.pool, self._hybrid), self._parts.reads)

    @property
    def events(self) -> Events:
        """What happened to this organization's documents, and its own streams."""
        return Events(self._bind, self._parts.pool, self._parts.wakeup, self._parts.upcasters)

    @property
    def analytics(self) -> Analytics:
        """What happened, counted: series by time and group, and the facts themselves."""
        return Analytics(self._bind, self._parts.counting)

    @property
    def labels(self) -> Labels:
        """The organization's labels."""
        return Labels(self._bind)

    @property
    def links(self) -> Links:
        """The organization's types of links."""
        return Links(self._bind)

    @property
    def pipelines(self) -> Pipelines:
        """The organization's pipelines, and the start of their runs."""
        return Pipelines(self._bind, self._parts.pool, self._parts.runs)

    @property
    def components(self) -> Components:
        """The organization's components: configurations of those in code, with versions and tags."""
        return Components(self._bind, self._parts.pool, self._parts.runs.components)

    @property
    def templates(self) -> Templates:
        """The organization's templates: reusable structures of texts."""
        return Templates(self._bind, self._parts.pool)

    @property
    def results(self) -> Results:
        """What processing gave of the organization's documents."""
        return Results(self._bind, self._parts.pool)

    @property
    def models(self) -> Models:
        """The organization's models."""
        return Models(self._bind, self._parts.pool, self._parts.blobs, self._parts.models)

    @property
    def topics(self) -> Topics:
        """What the organization's documents are about: topics of models, with words, vectors and documents."""
        return Topics(self._bind, self._parts.pool, self._parts.semantic, self._hybrid)

    @property
    def runs(self) -> Runs:
        """The organization's runs."""
        return Runs(self._bind, self._parts.wakeup)

    @property
    def batches(self) -> Batches:
        """The organization's batches: runs started together over many documents."""
        return Batches(self._bind, self._parts.pool, self._parts.wakeup)

    @property
    def schedules(self) -> Schedules:
        """What starts the organization's pipelines by the clock."""
        return Schedules(self._bind)

    @property
    def triggers(self) -> Triggers:
        """What starts the organization's pipelines when documents arrive or change."""
        return Triggers(self._bind, self._parts.pool)

    @property
    def _parts(self) -> Parts:
        """What all views share; asked for each time, since a database has none before it is open."""
        return self._given()

    @property
    def _hybrid(self) -> Hybrid:
        return Hybrid(self._parts.search, self._parts.semantic)

    async def search(
        self,
        text: str,
        *,
        mode: Mode = "keyword",
        type: str | Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        order: str | None = None,
        limit: int = 10,
        cursor: str | None = None,
        after: Position | str | None = None,
        wait_seconds: float = 5.0,
        fallback: Fallback = "error",
        facets: Sequence[str] = (),
        facet_values: int = 10,
        fuzzy: bool = False,
        synonyms: bool | str = False,
        weights: Mapping[str, float] | None = None,
        boost: Mapping[str, Mapping[str, float]] | None = None,
        explain: bool = False,
        exact: bool | None = None,
        least_similarity: float | None = None,
        language: str | Sequence[str] | None = None,
        remember: bool = False,
    ) -> Hits:
        """Documents of this organization and namespace with these words, or that mean nearly the same, best first.

        Args:
            text: words, `"phrases"`, `-exclusions`, `prefix*` and `OR`; by meaning any text.
            mode: "keyword" finds words, "semantic" what is near in meaning, and "hybrid" asks both at once and
                joins their orders.
            type: only these types.
            where: a filter, as in `documents.find`, asked of the documents' current state.
            order: None for relevance, or as in `documents.find`.
            limit: hits of the page.
            cursor: that of the page before, with everything else the same. By meaning, and in hybrid mode, a page
                is the best of what was not shown before, 1,000 hits at most.
            after: read your own writes: a position a write returned.
            wait_seconds: how long to wait for the index to get there.
            fallback: what to do then: "error" raises `PositionTimeout`, "stale" answers as far as it is. "stale" also
                allows the hits of one search of a hybrid one when the other does not answer, and of words when
                nobody answers by meaning; `degraded` tells it, and `legs` why.
            facets: attributes and fields whose values are counted among all that matches, 10,000 documents
                at most: `@type`, `@labels`, `status`, `@metadata.team`. In the other modes what was found by
                meaning counts too.
            facet_values: values of a facet at most, the most frequent.
            fuzzy: when nothing is found, search for what was probably meant; `Hits.corrected` tells it.
            synonyms: also find what the organization calls the same (see `synonyms`); a language tag takes the
                synonyms of that language and those of every language.
            weights: how much a word counts by where it stands: `title` (10), `preview` (4), `description` (2) and
                `text` (1), 0 to 100 each, none less than the text.
            boost: what the score of a type's documents is multiplied by, 0.01 to 100: `{"@type": {"policy": 2.0}}`.
                In hybrid mode weights and boosts shape the order by words.
            explain: tell of each hit why it is where it is, in `why`.
            exact: by meaning: True compares with every vector that passes the filters; None lets the engine choose.
            least_similarity: by meaning: nothing below it, -1 to 1.
            language: by meaning alone: only documents in these languages, as `en` or `["de", "fr"]`.
            remember: keep the query, if the actor of this view allowed it: see `queries`. The first page's only.

        Returns:
            Hits whose `highlight` is HTML with the matches in `<mark>`. A deleted document never appears.

        Raises:
            InvalidInput, InvalidFilter, LimitExceeded, PositionTimeout.
            InvalidSetting: `mode` needs vectors, and they are switched off.
        """
        scope = await self._bind()
        embedded: list[Embedding] = []
        options: dict[str, Any] = {
            "namespace": scope.namespace,
            "type": type,
            "where": where,
            "limit": limit,
            "cursor": cursor,
            "after": after,
            "wait_seconds": wait_seconds,
            "fallback": fallback,
            "facets": facets,
            "facet_values": facet_values,
            "synonyms": synonyms,
            "weights": weights,
            "boost": boost,
            "explain": explain,
        }
        if mode == "keyword":
            refuse(mode, exact=exact, least_similarity=least_similarity, language=language)
            search = self._parts.search.search
            found = await search(scope.organization, text, order=order, fuzzy=fuzzy, **options)
        else:
            refuse(mode, order=order, fuzzy=fuzzy)
            least = -1.0 if least_similarity is None else least_similarity
            narrowed: dict[str, Any] = {"exact": exact, "least_similarity": least, "language": language}
            asked = Asked(
                organization=scope.organization, text=text, told=embedded.append, **narrowed, **options
            )
            found = await self._hybrid.search(mode, asked)
        if remember and cursor is None:
            await self.queries.remember(text, mode, len(found.hits), embedded[-1] if embedded else None)
        return found

    async def suggest(
        self, text: str, *, type: str | Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> str | None:
        """The query that was probably meant: misspelt words replaced by words that live documents here have.

        Args:
            text: a query, as in `search`.
            type, where: only words of documents of these types, and that pass this filter.

        Returns:
            The query with other words; None when nothing in it seems misspelt.

        Raises:
            InvalidInput, InvalidFilter, LimitExceeded.
        """
        scope = await self._bind()
        return await self._parts.search.suggest(
            scope.organization, text, namespace=scope.namespace, type=type, where=where
        )

    @property
    def queries(self) -> Queries:
        """What was looked for by those who allowed it to be kept."""
        return Queries(self._bind, self._parts.semantic)

    @property
    def synonyms(self) -> SynonymSets:
        """What this organization calls the same when it searches."""
        return SynonymSets(self._bind)

    async def ingest(
        self,
        *paths: str | Path,
        sync: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        urls: str | Path | None = None,
        allow_private: bool = False,
        limits: Limits | None = None,
        progress: Watch | None = None,
    ) -> Summary:
        """Make documents of files, of folders with all below them, and of URLs; what is unchanged is not read again.

        Archives (`.zip`, `.tar` however compressed, `.mbox`) are opened: each file in them is a document, named
        `archive!/member`. What is in the record when a file counts as done stays; a run that was killed goes on
        with the next one.

        Args:
            *paths: files, folders, and URLs of http and https.
            sync: also delete (softly) the documents of files that have vanished below the given folders.
            include, exclude: globs on paths below a folder.
            urls: a file with more URLs, one a line.
            allow_private: also fetch from this machine and its networks. Never for URLs of people you do not
                trust: they could read what only this machine may.
            limits: sizes, times and depths beyond which a file is refused.
            progress: called with how far it is.

        Returns:
            The sums, with one line for each file that could not be read; these stop nothing.

        Raises:
            UnreadableFile: the list of URLs cannot be read.
            MissingExtra: the `[ingest]` extra is not installed. Unavailable, StorageFault: the record is.
        """
        return await ingest(
            await self._bind(),
            self._parts.pool,
            self._parts.blobs,
            [Path(path) for path in paths if not is_url(str(path))],
            sync=sync,
            include=include,
            exclude=exclude,
            limits=limits or Limits(),
            progress=progress,
            urls=[
                *(str(path) for path in paths if is_url(str(path))),
                *(await asyncio.to_thread(listed, Path(urls)) if urls else ()),
            ],
            allow_private=allow_private,
        )

    def watch(
        self,
        *paths: str | Path,
        sync: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        settle_seconds: float = 1.0,
        limits: Limits | None = None,
        progress: Watch | None = None,
        stop: asyncio.Event | None = None,
    ) -> AsyncIterator[Summary]:
        """Ingest files and folders, and then every change as it comes: `async for summary in db.watch(path)`.

        The first summary is of the whole, each later one of the files that changed together. Files that are being
        written are waited for. A folder that vanishes is watched again as a whole when it is back; what was in it
        stays in the record until then. Leaving the loop ends the watching.

        Args:
            sync: also delete (softly) the documents of files that vanish or are renamed.
            settle_seconds: how long nothing must have happened to a file before it is read.
            stop: ends the loop when it is set, after what has begun is done.

        Raises:
            InvalidInput: no path, or a URL among them. As `ingest`.
        """
        return watched(
            self._bind,
            self._parts.pool,
            self._parts.blobs,
            paths,
            sync=sync,
            include=include,
            exclude=exclude,
            settle_seconds=settle_seconds,
            limits=limits or Limits(),
            progress=progress,
            stop=stop,
        )

    async def ingest_bytes(self, data: bytes, *, name: str, limits: Limits | None = None) -> Summary:
        """Make a document of one file that is no file, as what came over standard input or a socket."""
        scope = await self._bind()
        return await ingest_bytes(
            scope, self._parts.pool, self._parts.blobs, data, name=name, limits=limits or Limits()
        )

    async def export(
        self,
        directory: str | Path,
        *,
        type: str | None = None,
        history: bool = False,
        progress: Told = silent,
    ) -> ExportReport:
        """Write live documents of all namespaces to a new directory: JSON lines, and the original files.

        With them go labels, links and synonyms, and, unless only a part is exported, kept queries, topics, triggers and
        schedules. Pipelines are documents.

        Args:
            type: only this type.
            history: with every version's body.
            progress: told documents done of documents to do.

        Raises:
            InvalidInput: the directory is there and not empty. StorageFault: it cannot be written.
        """
        scope, parts = await self._bind(), self._parts
        return await export_documents(
            parts.pool, scope, parts.blobs, Path(directory), type=type, history=history, progress=progress
        )

    async def import_from(
        self, source: str | Path, *, keep_ids: bool = True, dry_run: bool = False, progress: Told = silent
    ) -> ImportReport:
        """Put what `export` wrote, or a file of JSON lines, into this organization; a second run changes nothing.

        Triggers come behind the documents, so they start no runs for them; schedules are due from now on, and make up
        for nothing.

        Args:
            keep_ids: False gives each document a new id, the same in every run.
            dry_run: do everything with the documents and roll it back.
            progress: told bytes done of bytes to do.

        Returns:
            The sums; lines that could not be imported are problems and stop nothing.
        """
        scope, parts = await self._bind(), self._parts
        return await import_documents(
            parts.pool,
            scope,
            parts.blobs,
            Path(source),
            keep_ids=keep_ids,
            dry_run=dry_run,
            progress=progress,
        )

    def namespace(self, name: str) -> Workspace:
        """The same organization, another namespace."""
        return self._changed(lambda scope: msgspec.structs.replace(scope, namespace=name))

    def acting(
        self,
        actor: Actor | str | None = None,
        *,
        session: str | None = None,
        correlation: str | None = None,
        causation: str | None = None,
    ) -> Workspace:
        """The same organization on somebody's behalf: changes are recorded with this actor, session and cause.

        Args:
            actor: an `Actor`, or `kind:id` with a kind of user, service, agent and system.
            session: groups what one conversation or job touched.
            correlation, causation: ids that tell which request and which event this belongs to.
        """
        who = parse_actor(actor) if isinstance(actor, str) else actor
        given = {"actor": who, "session": session, "correlation": correlation, "causation": causation}
        fields = {name: value for name, value in given.items() if value is not None}
        return self._changed(
            lambda scope: msgspec.structs.replace(
                scope, origin=msgspec.structs.replace(scope.origin, **fields)
            )
        )

    def because(self, event: Event) -> Workspace:
        """The same organization on account of an event: changes name it as their cause and share its correlation.

        An event without a correlation begins one, with its own id; `events.trace` shows all of it.
        """
        return self.acting(correlation=event.correlation or event.id, causation=event.id)

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Several changes, one commit: `async with db.transaction() as tx`, then `tx.documents`, `tx.execute`.

        Leaving the block commits; an exception rolls everything back. It lasts at most
        `transaction_timeout_seconds`, because an open writer holds the log's readers back.

        Raises:
            Contention: a deadlock with other writers; nothing was changed, run the block again.
        """
        parts = self._parts
        beside = UnitParts(parts.blobs, parts.models, parts.wakeup)
        return unit_of_work(parts.pool, self._bind, parts.reads, parts.upcasters, beside)

    def _changed(self, change: Callable[[Scope], Scope]) -> Workspace:
        async def bind() -> Scope:
            return change(await self._bind())

        return Workspace(self._given, bind)
