"""Calls to Qdrant: tried again while that can help, and failures told in Octavo's words.

Everything the engine asks for may be asked for twice, so whatever may pass is tried again after a pause. A call
that ran out of time is not: the server may still be at it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from octavo.errors import AccessDenied, InvalidInput, NotFound, OctavoError, StorageFault, Unavailable

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0

_NO_ANSWER = "answers with something that is no answer of Qdrant"
_BUSY = (429, 502, 503, 504)
_DENIED = (401, 403)
_REFUSED = (400, 409, 413, 422)

Answer = TypeVar("Answer")
Call = Callable[[], Awaitable[Answer]]


class Calls:
    """Makes calls to one server.

    Args:
        place: the server or folder, as messages name it.
        retries: further tries at most.
        timeout_seconds: what the client waits, for messages.
    """

    def __init__(self, place: str, *, retries: int, timeout_seconds: int) -> None:
        self._place = place
        self._retries = retries
        self._timeout_seconds = timeout_seconds

    async def make(self, call: Call[Answer]) -> Answer:
        """The answer of a call.

        Raises:
            NotFound: the collection is not there.
            InvalidInput: the server takes the request for wrong, and would again.
            AccessDenied: the API key is missing, wrong, or not enough.
            Unavailable: no answer, also after further tries; nothing may be taken for done.
        """
        for attempt in range(self._retries + 1):
            try:
                return await call()
            except Exception as error:
                if attempt == self._retries or not _may_pass(error):
                    raise self._told(error) from error
                await asyncio.sleep(_pause(error, attempt))
        raise AssertionError("a last try returns or raises")

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, UnexpectedResponse):
            return self._of_status(error)
        if isinstance(error, QdrantException):
            return self._unavailable("has too much to do")
        if isinstance(error, ResponseHandlingException):
            return self._of_connection(error.source)
        if isinstance(error, json.JSONDecodeError):
            return self._unavailable(_NO_ANSWER)
        if isinstance(error, ValueError | RuntimeError):
            return _of_folder(str(error), self._place)
        return error

    def _of_status(self, error: UnexpectedResponse) -> OctavoError:
        status = error.status_code
        if status == 404:
            return _no_collection(self._place)
        if status in _DENIED:
            return AccessDenied(
                f"Qdrant at {self._place} refuses the API key (status {status})",
                remedy="put a key that may write into engine_logins",
            )
        if status in _REFUSED:
            return _refused(self._place)
        return self._unavailable(f"answers with status {status}")

    def _of_connection(self, source: object) -> OctavoError:
        if isinstance(source, httpx.TimeoutException):
            return self._unavailable(f"has not answered within {self._timeout_seconds} s")
        if isinstance(source, httpx.TransportError):
            return self._unavailable("cannot be reached")
        return self._unavailable(_NO_ANSWER)

    def _unavailable(self, problem: str) -> Unavailable:
        return Unavailable(
            f"Qdrant at {self._place} {problem}",
            remedy="see whether it runs; what is missing is brought to it as soon as it answers",
        )


def _may_pass(error: Exception) -> bool:
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _BUSY
    if isinstance(error, ResponseHandlingException):
        return isinstance(error.source, httpx.TransportError) and not isinstance(
            error.source, httpx.TimeoutException
        )
    return isinstance(error, ResourceExhaustedResponse)


def _pause(error: Exception, attempt: int) -> float:
    """Seconds before the next try: what the server asks for, or twice as long each time."""
    asked: float = FIRST_PAUSE_SECONDS * 2**attempt
    if isinstance(error, ResourceExhaustedResponse):
        asked = max(asked, float(error.retry_after_s))
    return min(asked, LONGEST_PAUSE_SECONDS)


def _of_folder(problem: str, place: str) -> OctavoError:
    """What the client's own store says in words only."""
    if "not found" in problem:
        return _no_collection(place)
    if "already accessed" in problem:
        return StorageFault(
            f"another process uses the folder {place}",
            remedy="run a Qdrant server for several processes: qdrant://HOST:PORT",
        )
    return _refused(place)


def _no_collection(place: str) -> NotFound:
    return NotFound(
        f"Qdrant at {place} has no such collection", remedy="it is made and filled by the next load"
    )


def _refused(place: str) -> InvalidInput:
    """Without the server's words: they may quote what is stored."""
    return InvalidInput(
        f"Qdrant at {place} refuses a request", remedy="see its log, and whether it is as new as the client"
    )
