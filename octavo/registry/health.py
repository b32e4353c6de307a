"""Health of models that run as services: each URL is asked, and what it tells is kept beside the deployment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec

from octavo.errors import InvalidInput
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store import events
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.model import Card, Health

_sql = load("octavo.registry", "models.sql")
_AT_ONCE = 8
_TOLD_CHARACTERS = 300
MAX_CHECKED = 1_000


class Answer(msgspec.Struct, frozen=True):
    """What a URL told: whether it is well, and in which words."""

    is_healthy: bool
    told: str


Ask = Callable[[str], Awaitable[Answer]]


class AllowedHosts:
    """The hosts that models may name, with their ports if they are not the usual ones.

    Args:
        setting: `models.example.com, 10.0.0.5:8080`; empty allows none.
    """

    def __init__(self, setting: str) -> None:
        self._hosts = frozenset(host.strip().lower() for host in setting.split(",") if host.strip())

    def check(self, card: Card) -> None:
        """Refuse a card with a URL to elsewhere; raises `InvalidInput`."""
        for url in (card.deployment.endpoint_url, card.deployment.health_check_url):
            if url is not None:
                self.require(url)

    def require(self, url: str) -> None:
        """Refuse a URL to elsewhere, and what is no URL of http or https; raises `InvalidInput`."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            host, port, parts = "", None, urlsplit("")
        if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
            raise InvalidInput(
                f"{url[:200]!r} is no URL of a model", remedy="write http:// or https://, a host, and no user"
            )
        if (host if port is None else f"{host}:{port}") not in self._hosts:
            raise InvalidInput(
                f"the host of {url[:200]!r} is not allowed",
                remedy="name it in the setting model_hosts, with its port if the URL has one",
            )


async def check(pool: Pool, scope: Scope, hosts: AllowedHosts, ask: Ask, name: str | None) -> list[Health]:
    """Ask the health of what serves; see `Models.check`."""
    rows = await scope.runner.fetch(_sql.with_health_checks, scope.organization, name, MAX_CHECKED)
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(row: Row) -> Health | None:
        async with room:
            answer = await _answer(hosts, ask, row["url"])
        return await _keep(pool, scope, row, answer)

    found = await asyncio.gather(*(one(row) for row in rows))
    return [health for health in found if health is not None]


async def _answer(hosts: AllowedHosts, ask: Ask, url: str) -> Answer:
    try:
        hosts.require(url)  # the setting may have changed since it was registered
    except InvalidInput as error:
        return Answer(False, error.message[:_TOLD_CHARACTERS])
    answer = await ask(url)
    return msgspec.structs.replace(answer, told=answer.told.replace("\x00", "")[:_TOLD_CHARACTERS])


async def _keep(pool: Pool, scope: Scope, row: Row, answer: Answer) -> Health | None:
    """Keep what was told; None when another version serves meanwhile."""
    async with transaction(pool, scope) as inside:
        kept = await inside.runner.fetchrow(
            _sql.keep_health,
            scope.organization,
            row["model_id"],
            row["environment"],
            row["version"],
            answer.is_healthy,
            answer.told,
        )
        if kept is None:
            return None
        if row["is_healthy"] is not answer.is_healthy:
            told = {"model": row["name"], "version": row["version"], "environment": row["environment"]}
            fact = events.fact(
                "model.health_changed",
                {**told, "healthy": answer.is_healthy},
                document_id=row["model_id"],
                version=row["version"],
            )
            await events.append(inside, f"model-{row['model_id']}", fact)
    return Health(
        model=row["name"],
        environment=row["environment"],
        version=row["version"],
        url=row["url"],
        is_healthy=answer.is_healthy,
        told=answer.told,
        checked_at=kept["checked_at"],
    )
