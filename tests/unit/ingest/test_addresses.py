"""Connections: only to public addresses, and to the very address that was checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from octavo.errors import RefusedFile
from octavo.ingest.limits import Limits
from octavo.ingest.web.addresses import PublicBackend, is_public
from octavo.ingest.web.fetch import Fetcher
from octavo.ingest.web.urls import Url, parse


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "2002:5db8:d822::1"]
)
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "64:ff9b::a00:1",
        "64:ff9b:1::5db8:d822",
        "2001:db8::1",
        "2002:a00:1::",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_of_this_machine_its_networks_and_groups_are_not(address):
    assert not is_public(address)


class Resolver:
    """Names as a hostile resolver gives them: another address each time it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)

    def _resolve(self, host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]


@pytest.fixture
async def listener() -> AsyncIterator[tuple[int, list[str]]]:
    """A server of this machine that keeps the requests it gets."""
    requests: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], requests


async def allow(_url: Url) -> None:
    pass


async def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    Resolver(monkeypatch, ["93.184.216.34", "127.0.0.1"])

    with pytest.raises(RefusedFile, match=r"mixed\.example"):
        await PublicBackend(allow_private=False).connect_tcp("mixed.example", 80)


async def test_a_name_is_resolved_once_and_the_connection_goes_to_that_address(monkeypatch, listener):
    port, requests = listener
    resolver = Resolver(monkeypatch, ["127.0.0.1"], ["192.0.2.1"])
    content = bytearray()

    async with Fetcher(Limits(), allow_private=True) as fetcher:
        await fetcher.fetch(parse(f"http://rebinding.example:{port}/a?b=c#d"), content.extend, allowed=allow)

    assert (bytes(content), resolver.asked) == (b"hi", 1)
    assert requests[0].startswith("GET /a?b=c HTTP/1.1\r\n")
    assert f"Host: rebinding.example:{port}\r\n" in requests[0]


async def test_a_redirection_to_a_private_address_is_refused_where_it_leads(monkeypatch, tmp_path: Path):
    asked: list[str] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://inside.example/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    # An address counts as public here if it is the one the redirecting server has: the only real one there is.
    monkeypatch.setattr("octavo.ingest.web.addresses.is_public", lambda address: address == "127.0.0.1")
    async with await asyncio.start_server(redirect, "127.0.0.1", 0) as server:
        Resolver(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
        port = server.sockets[0].getsockname()[1]
        async with Fetcher(Limits()) as fetcher:
            with pytest.raises(RefusedFile, match=r"inside\.example"):
                await fetcher.fetch(
                    parse(f"http://outside.example:{port}/"), bytearray().extend, allowed=allow
                )

    assert len(asked) == 1
