"""Where a Qdrant is and how a collection is made there, as the setting says it.

    qdrant://HOST:6333/PREFIX?option=value&…     a server, in the clear: on this machine, or with plain=true
    qdrants://HOST:6333/PREFIX?option=value&…    a server, over TLS
    qdrant:DIR                                   the client's own store in a folder, for one process and a laptop

PREFIX, `octavo` if it is left out, begins the names of all collections. The options are the fields of `Tuning`.
A password never stands in a URL.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

import msgspec
from msgspec import Meta

from octavo.errors import InvalidSetting

PORT = 6333
PREFIX = "octavo"

_SCHEMES = {"qdrant": "http", "qdrants": "https"}
_FORMS = "give qdrant://HOST:PORT, qdrants://HOST:PORT, or qdrant:DIR with a folder of this machine"

_Count = Annotated[int, Meta(ge=0)]
_Positive = Annotated[int, Meta(ge=1)]


class Tuning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the engine is spoken to, and what its collections are made with.

    Attributes:
        timeout: seconds until an answer, as a whole number, since the client knows no parts of seconds.
        connections: open at once, at most.
        retries: further tries of a call that failed for the moment, each after a longer pause.
        plain: a server that is not on this machine may be spoken to without TLS.
        deleted_threshold, vacuum_min_vector_number, default_segment_number: of the optimizer: the share of
            deleted points that is cleaned up, the points a segment needs for it, and the segments aimed at.
        wal_capacity_mb, wal_segments_ahead: of the write-ahead log.
        m, payload_m, ef_construct: of the graphs. With m=0 each organization has a graph of its own.
        ef: candidates that a search keeps while it walks a graph.
        quantization: vectors are searched in a smaller form and compared again as they are.
        shards, replicas: of a collection, in a cluster.
    """

    timeout: _Positive = 30
    connections: _Positive = 50
    retries: _Count = 3
    plain: bool = False
    deleted_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.2
    vacuum_min_vector_number: Annotated[int, Meta(ge=100)] = 1000
    default_segment_number: _Count = 2
    wal_capacity_mb: _Positive = 32
    wal_segments_ahead: _Count = 0
    m: _Count = 0
    payload_m: _Count = 16
    ef_construct: Annotated[int, Meta(ge=4)] = 128
    ef: _Positive = 128
    quantization: Literal["none", "scalar", "binary"] = "none"
    shards: _Positive = 1
    replicas: _Positive = 1


class Address(msgspec.Struct, frozen=True):
    """A server by its URL, or a folder of this machine; one of them is None."""

    url: str | None
    folder: Path | None
    prefix: str
    tuning: Tuning


def beside(setting: str, number: int) -> str:
    """The setting with the number behind the prefix, or of a folder with a folder in it."""
    where = parse(setting)
    if where.folder is not None:
        return f"qdrant:{where.folder / f'place-{number}'}"
    return urlsplit(setting)._replace(path=f"/{where.prefix}-{number}").geturl()


def parse(setting: str) -> Address:
    """Read the setting.

    Raises:
        InvalidSetting: it names no Qdrant, has an unknown option, a password, or no TLS where it needs it.
    """
    scheme, colon, rest = setting.partition(":")
    if not colon or scheme not in _SCHEMES:
        raise _refused("names no Qdrant", _FORMS)
    if not rest.startswith("//"):
        if scheme != "qdrant" or not rest:
            raise _refused("names no Qdrant", _FORMS)
        return Address(None, Path(rest).expanduser().absolute(), PREFIX, Tuning())
    return _server(urlsplit(setting))


def _server(parts: SplitResult) -> Address:
    try:
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        raise _refused("has no valid port", _FORMS) from None
    if not host:
        raise _refused("names no host", _FORMS)
    if parts.username or parts.password:
        raise _refused("holds a login", "put the API key into engine_logins")
    tuning = _tuning(parts.query)
    if parts.scheme == "qdrant" and not tuning.plain and not _is_here(host):
        raise _refused(
            f"would speak to {host} in the clear",
            "use qdrants://, or add ?plain=true if nobody can listen between",
        )
    written = f"[{host}]" if ":" in host else host
    return Address(f"{_SCHEMES[parts.scheme]}://{written}:{port}", None, _prefix(parts.path), tuning)


def _tuning(query: str) -> Tuning:
    options = dict(parse_qsl(query, keep_blank_values=True))
    try:
        return msgspec.convert(options, Tuning, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(Tuning.__struct_fields__)
        raise _refused(f"has an option that cannot be used: {error}", f"the options are {known}") from None


def _prefix(path: str) -> str:
    prefix = path.strip("/") or PREFIX
    if not prefix.replace("-", "").replace("_", "").isalnum() or not prefix.isascii() or len(prefix) > 64:
        raise _refused(f"has the prefix {prefix!r}", "use at most 64 letters, digits, - and _")
    return prefix


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(problem: str, remedy: str) -> InvalidSetting:
    return InvalidSetting(f"the setting vectors {problem}", remedy=remedy, setting="vectors")
