"""Where an OpenSearch cluster is and how an index is made there, as the setting says it.

    opensearch://HOST:9200/PREFIX?option=value&…     in the clear: on this machine, or with plain=true
    opensearchs://HOST:9200,HOST:9200/PREFIX?…       over TLS; several nodes of one cluster
    elasticsearch://…, elasticsearchs://…            the same calls, of a cluster of Elasticsearch

PREFIX, `octavo` if it is left out, begins the names of all indexes. The options are the fields of `Tuning`.
A password never stands in a URL.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from msgspec import Meta

from octavo.errors import InvalidSetting

PORT = 9200
PREFIX = "octavo"
SCHEMES = {"opensearch": False, "opensearchs": True, "elasticsearch": False, "elasticsearchs": True}

_FORM = "give opensearch://HOST:PORT/PREFIX, or opensearchs:// for TLS"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_Count = Annotated[int, Meta(ge=0)]
_Positive = Annotated[int, Meta(ge=1)]


class Tuning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the cluster is spoken to, and what its indexes are made with.

    Attributes:
        shards: of an index; an organization is on one of them.
        replicas: copies of each shard beside the first.
        timeout: seconds until an answer.
        connections: to each node, at most.
        bulk_bytes: of one request, about; a single document may be larger.
        ca: file with the certificates that are trusted; empty for those of the system.
        plain: a cluster that is not on this machine may be spoken to without TLS.
    """

    shards: Annotated[int, Meta(ge=1, le=1024)] = 1
    replicas: _Count = 1
    timeout: Annotated[float, Meta(gt=0)] = 30.0
    connections: _Positive = 10
    bulk_bytes: Annotated[int, Meta(ge=1024)] = 5 * 1024 * 1024
    ca: str = ""
    plain: bool = False


class Address(msgspec.Struct, frozen=True):
    """Nodes of a cluster, and what belongs to Octavo there."""

    hosts: tuple[tuple[str, int], ...]
    tls: bool
    prefix: str
    tuning: Tuning

    @property
    def places(self) -> list[str]:
        """The nodes as `host:port`."""
        return [f"{_bracketed(host)}:{port}" for host, port in self.hosts]

    @property
    def name(self) -> str:
        """The cluster in a message."""
        return ", ".join(self.places)


def spelt(setting: str) -> str:
    """The setting in its one spelling: with ports, prefix, and options in order; raises `InvalidSetting`."""
    address, parts = parse(setting), urlsplit(setting)
    options = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return f"{parts.scheme}://{','.join(address.places)}/{address.prefix}{'?' if options else ''}{options}"


def beside(spelt_setting: str, number: int) -> str:
    """The setting with the number behind the prefix, which roles of the cluster that allow `PREFIX-*` allow too."""
    parts = urlsplit(spelt_setting)
    return parts._replace(path=f"{parts.path}-{number}").geturl()


def parse(setting: str) -> Address:
    """Read the setting.

    Raises:
        InvalidSetting: it names no cluster, has an unknown option, a password, or no TLS where it needs it.
    """
    parts = urlsplit(setting)
    if parts.scheme not in SCHEMES or not setting.startswith(f"{parts.scheme}://"):
        raise _refused("names no cluster", _FORM)
    if "@" in parts.netloc:
        raise _refused("holds a login", "put it into engine_logins")
    hosts = tuple(_host(one) for one in parts.netloc.split(","))
    tuning, tls = _tuning(parts.query), SCHEMES[parts.scheme]
    far = [host for host, _ in hosts if not _is_here(host)]
    if far and not tls and not tuning.plain:
        raise _refused(
            f"would speak to {far[0]} in the clear",
            f"use {parts.scheme}s://, or add ?plain=true if nobody can listen between",
        )
    return Address(hosts, tls, _prefix(parts.path), tuning)


def _host(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refused("has no valid port", _FORM) from None
    if not host:
        raise _refused("names no host", _FORM)
    return host, PORT if port is None else port


def _tuning(query: str) -> Tuning:
    options = dict(parse_qsl(query, keep_blank_values=True))
    try:
        return msgspec.convert(options, Tuning, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(Tuning.__struct_fields__)
        raise _refused(f"has an option that cannot be used: {error}", f"the options are {known}") from None


def _prefix(path: str) -> str:
    prefix = path.strip("/") or PREFIX
    if not _NAME.fullmatch(prefix):
        raise _refused(
            f"has the prefix {prefix!r}", "use at most 64 of a-z, 0-9, - and _, a letter or digit first"
        )
    return prefix


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _refused(problem: str, remedy: str) -> InvalidSetting:
    return InvalidSetting(f"the setting search {problem}", remedy=remedy, setting="search")
