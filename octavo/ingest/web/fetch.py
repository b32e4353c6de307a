"""One URL, fetched to a file: redirections followed one by one, each checked; sizes and times bounded."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from email.message import Message
from types import TracebackType
from typing import NamedTuple, Self

import httpcore

from octavo.errors import RefusedFile, UnreadableFile
from octavo.ingest.limits import Limits
from octavo.ingest.web.addresses import PublicBackend
from octavo.ingest.web.urls import Url

AGENT = "octavo-ingest"
_REDIRECTIONS = {301, 302, 303, 307, 308}
_OK, _NOT_MODIFIED = 200, 304
_PIECE_BYTES = 1 << 18
_VALIDATOR_CHARACTERS = 1_000
_CONTENT_TYPE_CHARACTERS = 200


class Version(NamedTuple):
    """What a server calls the version of a page it gave, word for word."""

    etag: str | None = None
    last_modified: str | None = None

    def asked(self) -> dict[str, str]:
        """The fields of a request for another version than this."""
        fields = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in fields.items() if value}


NO_VERSION = Version()


class Fetched(NamedTuple):
    """What came of a URL: where it was in the end, its version, and whether it is the one that was known.

    `charset` is what the server says the text is encoded in.
    """

    url: Url
    version: Version
    is_unchanged: bool
    charset: str | None = None


class Fetcher:
    """Fetches URLs, each within the limits; connections are kept for the next."""

    def __init__(self, limits: Limits, *, allow_private: bool = False) -> None:
        self._limits = limits
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=2 * limits.pages_at_once,
            max_keepalive_connections=limits.pages_at_once,
            keepalive_expiry=5,
            network_backend=PublicBackend(allow_private=allow_private),
        )

    async def fetch(
        self,
        url: Url,
        to: Callable[[bytes], object],
        *,
        known: Version = NO_VERSION,
        allowed: Callable[[Url], Awaitable[None]],
    ) -> Fetched:
        """Fetch a URL.

        Args:
            to: takes the content, piece by piece.
            known: the version there is already; nothing is given if the server has no other.
            allowed: raises if a URL may not be fetched; asked for each, so for redirections, too.

        Raises:
            RefusedFile: it leads where it may not, or is over a limit.
            UnreadableFile: the server does not answer, or with something else than a page.
        """
        try:
            async with asyncio.timeout(self._limits.seconds_per_page):
                return await self._follow(url, to, known, allowed)
        except TimeoutError as error:
            raise RefusedFile(
                f"fetching it takes longer than {self._limits.seconds_per_page} s",
                remedy="raise seconds_per_page",
            ) from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise UnreadableFile(f"it cannot be fetched: {str(error) or type(error).__name__}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _follow(
        self,
        url: Url,
        to: Callable[[bytes], object],
        known: Version,
        allowed: Callable[[Url], Awaitable[None]],
    ) -> Fetched:
        for _ in range(self._limits.max_redirects + 1):
            await allowed(url)
            async with self._pool.stream(
                "GET", _wire(url), headers=_fields({"Host": url.authority, **_ASKED, **known.asked()})
            ) as response:
                fields = _told(response)
                if response.status not in _REDIRECTIONS:
                    is_new = await self._keep(response, fields, to, known)
                    return Fetched(url, _version(fields) if is_new else known, not is_new, _charset(fields))
                location = fields.get("location", "")
            url = url.joined(location)
        raise RefusedFile(
            f"more than {self._limits.max_redirects} redirections", remedy="raise max_redirects"
        )

    async def _keep(
        self,
        response: httpcore.Response,
        fields: Mapping[str, str],
        to: Callable[[bytes], object],
        known: Version,
    ) -> bool:
        """Pass the content on; False if there is no other than what is known."""
        if response.status == _NOT_MODIFIED and any(known):
            return False
        if response.status != _OK:
            raise UnreadableFile(
                f"the server answers {response.status}{_reason(response)}",
                status=response.status,
                retry_after=fields.get("retry-after"),
            )
        async for piece in self._pieces(response, fields.get("content-encoding", "")):
            to(piece)
        return True

    async def _pieces(self, response: httpcore.Response, encoding: str) -> AsyncIterator[bytes]:
        """The content, unpacked, no more than there may be."""
        total = 0
        async for piece in _decoded(_received(response), encoding):
            total += len(piece)
            if total > self._limits.max_page_bytes:
                raise RefusedFile(
                    f"it has more than {self._limits.max_page_bytes:,} bytes", remedy="raise max_page_bytes"
                )
            yield piece


_ASKED = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, identity;q=0.5"}


def _wire(url: Url) -> httpcore.URL:
    """The URL as it is sent: of the parts that were checked, not of a text that is taken apart again."""
    return httpcore.URL(
        scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode()
    )


def _fields(fields: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]


def _told(response: httpcore.Response) -> dict[str, str]:
    return {
        name.decode("ascii", "replace").lower(): value.decode("latin-1") for name, value in response.headers
    }


def _version(fields: Mapping[str, str]) -> Version:
    told = (fields.get(name, "") for name in ("etag", "last-modified"))
    return Version(*(value if 0 < len(value) <= _VALIDATOR_CHARACTERS else None for value in told))


def _charset(fields: Mapping[str, str]) -> str | None:
    told = Message()
    told["Content-Type"] = fields.get("content-type", "")[:_CONTENT_TYPE_CHARACTERS]
    return told.get_content_charset()


def _reason(response: httpcore.Response) -> str:
    reason = response.extensions.get("reason_phrase", b"").decode("ascii", "replace")
    return f" {reason[:80]}" if reason.isprintable() and reason else ""


async def _received(response: httpcore.Response) -> AsyncIterator[bytes]:
    async for piece in response.aiter_stream():
        yield piece


async def _decoded(pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The pieces as they are, or unpacked a bounded piece at a time."""
    if encoding.strip().lower() in {"identity", ""}:
        async for piece in pieces:
            yield piece
        return
    if encoding.strip().lower() not in {"gzip", "x-gzip"}:
        raise UnreadableFile(f"the server packs it as {encoding[:40]!r}, which was not asked for")
    unpacked = zlib.decompressobj(wbits=31)
    async for piece in pieces:
        packed = piece
        while packed:
            try:
                yield unpacked.decompress(packed, _PIECE_BYTES)
            except zlib.error as error:
                raise UnreadableFile("what the server sends is broken") from error
            packed = unpacked.unconsumed_tail
    if not unpacked.eof:
        raise UnreadableFile("the server sends only a part of it")
