"""Connections to public addresses only.

The check is where the connection is made: the address that was checked is the one that is connected to, so a name
that means another address a moment later (DNS rebinding) changes nothing. However an address is written, in
decimal, in octal, as IPv6, the system's resolver has turned it into the address it means before it is looked at.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore

from octavo.errors import RefusedFile

# Where a network has IPv6 only, its resolver gives sites of IPv4 an address in here, with theirs in the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")


class PublicBackend(httpcore.AsyncNetworkBackend):
    """Opens connections, to public addresses unless told otherwise.

    Args:
        allow_private: also connect to addresses of this machine and its networks.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            RefusedFile: one of its addresses is not public.
            httpcore.ConnectError: it has none, or none answers.
        """
        addresses = await _resolved(host, port)
        if not self._allow_private and not all(map(is_public, addresses)):
            raise RefusedFile(
                f"{host} is not a public address", remedy="--allow-private, if you trust all of the URLs"
            )
        failure: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Nothing is fetched over a socket of this machine."""
        raise RefusedFile("a URL leads to the network, not to a socket")

    async def sleep(self, seconds: float) -> None:
        """Wait, between attempts to connect."""
        await asyncio.sleep(seconds)


def is_public(address: str) -> bool:
    """Whether an address can be reached from everywhere (RFC 6890), whatever other address it stands for."""
    if "%" in address:
        return False  # of one link only
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and parsed in _NAT64:
        return _is_global(IPv4Address(int(parsed) & 0xFFFFFFFF))
    return _is_global(parsed)


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return True
    inside = (address.sixtofour, *(address.teredo or ()))
    return not address.is_site_local and all(_is_global(inner) for inner in inside if inner)


async def _resolved(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} is not known") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
