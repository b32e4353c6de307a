"""Requests to an OpenSearch cluster, and what its refusals mean in Octavo's words.

A message never has the cluster's own sentence, which may quote what is stored, but the kind of its error only.
"""

from __future__ import annotations

import contextlib
import io
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import msgspec

from octavo.engines.search.opensearch_address import Address
from octavo.errors import AccessDenied, InvalidSetting, MissingExtra, OctavoError, StorageFault, Unavailable
from octavo.values.login import Login

_LOGGER, _QUIET = "opensearch", logging.NullHandler()

_DENIED = (401, 403)
_BLOCKED = "cluster_block_exception"
_FULL = "flood-stage"
_BUSY = 429
_TOO_LARGE = 413
_FAILING = 500


class NotThere(Exception):
    """What a request is about is not there: an index, an alias, a document."""


class Taken(Exception):
    """What was to be changed has been changed by somebody else, or is there already."""


class TooLarge(Exception):
    """A request is longer than the cluster, or something before it, takes."""


class _NextNode(Exception):
    """A node cannot be reached; another one may be."""


class _Json:
    """What the client sends as it is given, and reads."""

    mimetype = "application/json"

    @staticmethod
    def dumps(data: object) -> object:
        return data

    @staticmethod
    def loads(data: str) -> Any:
        return msgspec.json.decode(data)


class Cluster:
    """Speaks to the nodes of a cluster; connections are opened when the first request is made.

    Args:
        address: where it is.
        login: None for none.

    Raises:
        MissingExtra: the client library is not installed.
    """

    def __init__(self, address: Address, login: Login | None = None) -> None:
        library()
        self._address = address
        self._login = login
        self._client: Any = None

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        timeout_seconds: float | None = None,
        **parameters: object,
    ) -> Any:
        """The answer to one request.

        Args:
            body: lines of JSON as bytes, or what becomes JSON.
            timeout_seconds: None for that of the address.
            parameters: those of the URL.

        Raises:
            NotThere, Taken, TooLarge: status 404, 409 and 413.
            AccessDenied: the login is missing, wrong, or not enough.
            Unavailable: no answer, or none for now; nothing may be taken for done.
            StorageFault: the cluster takes the request for wrong, and would again.
        """
        sent = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        asked = partial(
            self._opened().transport.perform_request,
            method,
            path,
            params=_written(parameters),
            timeout=timeout_seconds or self._address.tuning.timeout,
            headers=_kind(body),
        )
        errors = library()
        try:
            for _ in self._address.hosts[1:]:
                with contextlib.suppress(_NextNode):
                    return await _tried(asked, sent)
            return await asked(body=_stream(sent))
        except errors.TransportError as error:
            raise self._told(error) from error
        except (msgspec.DecodeError, errors.SerializationError) as error:
            raise self._unavailable(
                "answers with something that is no answer of OpenSearch", "see what listens at this address"
            ) from error

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            pool = client.transport.connection_pool
            # The library itself forgets nodes that did not answer lately.
            for connection in getattr(pool, "orig_connections", pool.connections):
                await connection.close()

    def refused(self, status: int, kind: str, reason: str = "") -> OctavoError:
        """The error for an answer with this status.

        Args:
            kind: the type of the cluster's error.
            reason: its sentence, which is looked at and not told.
        """
        if kind == _BLOCKED:
            return self._blocked(reason)
        if status in _DENIED:
            return AccessDenied(
                f"the search engine at {self._address.name} refuses the login ({status})",
                remedy="put user and password of one who may manage and write indexes "
                f"{self._address.prefix}-* into engine_logins",
            )
        if status == _BUSY:
            return self._unavailable(
                f"has too much to do ({kind})", "it is tried again by itself; give it more nodes if it stays"
            )
        if status >= _FAILING:
            return self._unavailable(
                f"cannot answer now ({status}, {kind})",
                "see its health: GET _cluster/health and GET _cat/shards tell what lacks",
            )
        return StorageFault(
            f"the search engine at {self._address.name} refuses a request ({status}, {kind})",
            remedy="see its log, and whether its version is one that Octavo was tried with",
        )

    def _blocked(self, reason: str) -> Unavailable:
        if _FULL in reason:
            return self._unavailable(
                "has no disk left and takes no writes",
                "free disk space on its nodes; it opens again by itself",
            )
        return self._unavailable(
            "takes no writes: a block is set",
            "take the block off its indexes, or wait for its cluster manager",
        )

    def _told(self, error: Any) -> Exception:
        errors = library()
        if isinstance(error, errors.ConnectionTimeout):
            return self._unavailable(
                "has not answered in time", "see how busy it is, or give a longer ?timeout= in its URL"
            )
        if _is_about_trust(error.info):
            return self._unavailable(
                "cannot be trusted: TLS failed", "give the file of its certificates as ?ca= in its URL"
            )
        if isinstance(error, errors.ConnectionError):
            return self._unavailable(
                "cannot be reached",
                "see whether it runs; what is missing is brought to it as soon as it answers",
            )
        return self._of_status(error)

    def _of_status(self, error: Any) -> Exception:
        status, kind, reason = error.status_code, *_cause(error.info)
        if status == 404:
            return NotThere(kind)
        if status == 409 or kind == "resource_already_exists_exception":
            return Taken(kind)
        if status == _TOO_LARGE:
            return TooLarge(kind)
        return self.refused(status, kind, reason)

    def _unavailable(self, problem: str, remedy: str) -> Unavailable:
        return Unavailable(f"the search engine at {self._address.name} {problem}", remedy=remedy)

    def _opened(self) -> Any:
        if self._client is None:
            address = self._address
            self._client = library().AsyncOpenSearch(
                hosts=[{"host": host, "port": port, "use_ssl": address.tls} for host, port in address.hosts],
                http_auth=self._login and (self._login.user, self._login.password),
                maxsize=address.tuning.connections,
                timeout=address.tuning.timeout,
                max_retries=0,
                serializer=_Json(),
                **({"ssl_context": _trust(address.tuning.ca)} if address.tls else {}),
            )
        return self._client


def first_cause(failures: Sequence[Mapping[str, Any]]) -> str:
    """The kind of the first error of several shards."""
    return str(failures[0].get("reason", {}).get("type", "unknown")) if failures else "unknown"


def library() -> ModuleType:
    """The client library; raises `MissingExtra`."""
    try:
        found = import_module("opensearchpy")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "the client of OpenSearch is not installed",
            remedy="pip install 'octavo[opensearch]'",
            extra="opensearch",
        ) from error
    # It would print what Octavo tells in its own words; who sets logging up still sees it.
    logging.getLogger(_LOGGER).addHandler(_QUIET)
    return found


def _trust(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise InvalidSetting(
            f"the certificates {ca} cannot be read",
            remedy="give a file in PEM form as ?ca=",
            setting="search",
        ) from error


async def _tried(asked: Callable[..., Awaitable[Any]], sent: bytes | None) -> Any:
    errors = library()
    try:
        return await asked(body=_stream(sent))
    except errors.ConnectionTimeout:
        raise
    except errors.ConnectionError as error:
        raise _NextNode from error


def _stream(sent: bytes | None) -> io.BytesIO | None:
    """Bytes as the library sends them piece by piece."""
    return None if sent is None else io.BytesIO(sent)


def _is_about_trust(cause: object) -> bool:
    inner = getattr(cause, "certificate_error", None) or getattr(cause, "os_error", cause)
    return isinstance(inner, ssl.SSLError)


def _written(parameters: Mapping[str, object]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in parameters.items()
        if value is not None
    }


def _kind(body: object) -> dict[str, str]:
    return {"content-type": "application/x-ndjson" if isinstance(body, bytes) else "application/json"}


def _cause(info: object) -> tuple[str, str]:
    """Type and sentence of the cluster's error."""
    error = info.get("error") if isinstance(info, dict) else None
    if not isinstance(error, dict):
        return "unknown", ""
    return str(error.get("type", "unknown")), str(error.get("reason", ""))
