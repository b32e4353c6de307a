"""Which search engine a URL names: one line of the table for each kind."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from octavo.engines.search import opensearch_address
from octavo.engines.search.opensearch import OpenSearchEngine
from octavo.engines.search.postgres import PostgresSearch
from octavo.engines.search.tantivy import TantivySearch
from octavo.errors import InvalidSetting
from octavo.postgres.record import Record
from octavo.roles.search import SearchEngine
from octavo.values.login import Logins
from octavo.values.numbered import FIRST, numbered, parted

_EMBEDDED = "tantivy:"


class Kind(msgspec.Struct, frozen=True):
    """Engines of one kind.

    Attributes:
        address: the URL as it is kept: absolute, in one spelling, without a login; raises `InvalidSetting`.
        build: the engine behind such a URL; connects to nothing yet; raises `MissingExtra`.
        lease: what only the process that fills the engine has.
        beside: the URL of the place where the engine of a number is; None when there is no place but one.
    """

    address: Callable[[str], str]
    build: Callable[[str, Record, Logins], SearchEngine]
    lease: Callable[[str], str]
    beside: Callable[[str, int], str] | None = None


def address(url: str) -> str:
    """The URL as the catalogue keeps it.

    Raises:
        InvalidSetting: it names no engine.
    """
    base, number = parted(url)
    kind = _kind(base)
    if number != FIRST and kind.beside is None:
        raise _no_engine(url)
    return numbered(kind.address(base), number)


def search_engine(url: str, record: Record, logins: Logins) -> SearchEngine:
    """The engine behind a URL; raises `InvalidSetting` and `MissingExtra`."""
    return _kind(url).build(_place(url), record, logins)


def lease_name(url: str) -> str:
    """What only the process that fills the engine has."""
    return _kind(url).lease(_place(url))


def has_room(url: str) -> bool:
    """Whether an engine can be built beside the one of this URL."""
    return _kind(url).beside is not None


def _place(url: str) -> str:
    """Where the engine of a URL is, as a URL without a number."""
    base, number = parted(address(url))
    kind = _kind(base)
    return base if number == FIRST or kind.beside is None else kind.beside(base, number)


def _kind(url: str) -> Kind:
    kind = _KINDS.get(url.partition(":")[0])
    if kind is None:
        raise _no_engine(url)
    return kind


def _no_engine(url: str) -> InvalidSetting:
    return InvalidSetting(
        f"search = {url!r} names no engine",
        remedy="give postgres, tantivy:DIR with a folder of this machine, or opensearch://HOST:PORT",
        setting="search",
    )


def _inside(url: str) -> str:
    if url != "postgres":
        raise _no_engine(url)
    return url


def _folder(url: str) -> Path:
    folder = url.removeprefix(_EMBEDDED)
    if not folder or not url.startswith(_EMBEDDED):
        raise _no_engine(url)
    return Path(folder).expanduser().absolute()


def _folder_lease(url: str) -> str:
    """One for each folder of each machine."""
    place = f"{socket.gethostname()}:{_folder(url)}".encode()
    return f"search in {hashlib.sha256(place).hexdigest()[:16]}"


def _cluster_lease(url: str) -> str:
    """One for each place in a cluster, however it is spoken to."""
    where = opensearch_address.parse(url)
    place = f"{sorted(where.hosts)}/{where.prefix}".encode()
    return f"search in {hashlib.sha256(place).hexdigest()[:16]}"


def _cluster(url: str, record: Record, logins: Logins) -> SearchEngine:
    places = opensearch_address.parse(url).places
    login = next((logins[place] for place in places if place in logins), None)
    return OpenSearchEngine(record, url, login)


_CLUSTER = Kind(opensearch_address.spelt, _cluster, _cluster_lease, opensearch_address.beside)

_KINDS = {
    "postgres": Kind(_inside, lambda _, record, __: PostgresSearch(record), lambda _: "search"),
    "tantivy": Kind(
        lambda url: f"{_EMBEDDED}{_folder(url)}",
        lambda url, record, _: TantivySearch(record, _folder(url)),
        _folder_lease,
        lambda url, number: f"{url}/place-{number}",
    ),
    **dict.fromkeys(opensearch_address.SCHEMES, _CLUSTER),
}
