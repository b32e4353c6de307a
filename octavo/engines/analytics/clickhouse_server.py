"""A ClickHouse server as the engine asks it: statements with parameters, rows as JSON, errors as Octavo's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import msgspec

from octavo.errors import AccessDenied, InvalidSetting, MissingExtra, Unavailable
from octavo.postgres.statements import Statements, load
from octavo.values.login import Login, Logins

_statements: Statements = load("octavo.engines.analytics", "clickhouse.queries")

CONNECT_SECONDS, ANSWER_SECONDS = 10, 60
_PORTS = {"clickhouse": 8123, "clickhouses": 8443}
_REFUSED = frozenset({192, 193, 194, 497, 516})  # unknown user, wrong password, no right
_REMEDY = "see whether the server runs, and the host, port and database of the URL"
_decoder = msgspec.json.Decoder(float_hook=Decimal)

# Stands between the engine and a server, so that a test can break the way at any request.
Watch = Callable[[str], None]


def address_of(url: str) -> str:
    """The URL as it is kept: with port and database, without a login; raises `InvalidSetting`."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise _no_server(url) from None
    database = parts.path.strip("/") or "octavo"
    if not parts.hostname or "@" in parts.netloc or not database.isidentifier() or parts.query:
        raise _no_server(url)
    return f"{parts.scheme}://{parts.hostname}:{port}/{database}"


def _unwatched(_name: str) -> None:
    """Let every statement pass."""


class ClickHouseServer:
    """One database of a server; connects, and makes the database, when it is first asked.

    Args:
        url: as `address_of` gives it.
        logins: who it is asked as.
        watch: is told the name of each statement before it is sent.
    """

    def __init__(self, url: str, logins: Logins, *, watch: Watch = _unwatched) -> None:
        self._parts = urlsplit(url)
        self._login = logins.get(self._parts.netloc.lower(), Login("default", ""))
        self._watch = watch
        self._driver = _driver()
        self._client: Any = None
        self._opening = asyncio.Lock()

    async def rows(self, name: str, parameters: Mapping[str, Any], **parts: str) -> list[list[Any]]:
        """The rows of a statement; `parts` are put in where it says so."""
        answer = await self._send(
            name,
            lambda client: client.raw_query(_text(name, parts), dict(parameters), fmt="JSONCompactEachRow"),
        )
        return [_decoder.decode(line) for line in answer.splitlines()]

    async def run(self, name: str, parameters: Mapping[str, Any] | None = None, **parts: str) -> None:
        """Run a statement for its effect; `parts` are put in where it says so."""
        await self._send(name, lambda client: client.command(_text(name, parts), dict(parameters or {})))

    async def insert(self, table: str, columns: Sequence[str], lines: bytes) -> None:
        """Insert rows, each a line of JSON with these columns."""
        # As many months as there are in the rows: history comes at once.
        settings = {"max_partitions_per_insert_block": 0, "date_time_input_format": "best_effort"}
        await self._send(
            f"insert {table}",
            lambda client: client.raw_insert(table, columns, lines, settings=settings, fmt="JSONEachRow"),
        )

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _send(self, name: str, call: Callable[[Any], Any]) -> Any:
        errors = self._driver.driver.exceptions
        try:
            async with asyncio.timeout(ANSWER_SECONDS + CONNECT_SECONDS):
                client = await self._open()
                self._watch(name)
                return await call(client)
        except errors.ClickHouseError as error:
            raise _translated(error, self._parts.netloc) from error
        except (OSError, TimeoutError) as error:
            raise Unavailable(
                f"ClickHouse at {self._parts.netloc} does not answer", remedy=_REMEDY
            ) from error

    async def _open(self) -> Any:
        async with self._opening:
            if self._client is None:
                client = await self._connect()
                try:
                    await client.command(f"CREATE DATABASE IF NOT EXISTS {self._parts.path.strip('/')}")
                    client.database = self._parts.path.strip("/")
                    for name in _statements:
                        if name.startswith("create_"):
                            await client.command(_statements[name])
                except BaseException:
                    await client.close()
                    raise
                self._client = client
        return self._client

    async def _connect(self) -> Any:
        return await self._driver.get_async_client(
            host=self._parts.hostname,
            port=self._parts.port,
            secure=self._parts.scheme == "clickhouses",
            username=self._login.user,
            password=self._login.password,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=ANSWER_SECONDS,
            autogenerate_session_id=False,
        )


def _text(name: str, parts: Mapping[str, str]) -> str:
    text = _statements[name]
    for mark, part in parts.items():
        text = text.replace(f"/* {mark.replace('_', ' ')} */", part)
    return text


def _driver() -> ModuleType:
    try:
        driver = import_module("clickhouse_connect")
        import_module("aiohttp")  # which its asynchronous client needs
    except ImportError as error:
        raise MissingExtra(
            "ClickHouse needs its client", remedy='install it: pip install "octavo[clickhouse]"'
        ) from error
    return driver


def _translated(error: Exception, place: str) -> AccessDenied | Unavailable:
    """ClickHouse's text is not repeated: it quotes values."""
    code = getattr(error, "code", None)
    if code in _REFUSED:
        return AccessDenied(
            f"ClickHouse at {place} refuses the login (its code {code})",
            remedy="set OCTAVO_ENGINE_LOGINS to host:port=user:password",
        )
    told = f"refused a statement (its code {code})" if code else "does not answer"
    return Unavailable(f"ClickHouse at {place} {told}", remedy=_REMEDY)


def _no_server(url: str) -> InvalidSetting:
    # Without what may be a login.
    shown = url.rpartition("@")[2]
    return InvalidSetting(
        f"analytics = {shown!r} names no engine",
        remedy="give postgres, none, or clickhouse://HOST:PORT/DATABASE (clickhouses: over TLS), and the login as "
        "engine_logins",
        setting="analytics",
    )
