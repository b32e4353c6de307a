"""Any endpoint that speaks OpenAI's `POST /embeddings`: OpenAI's own, Ollama, vLLM, LiteLLM, text-embeddings-inference.

Source of the form of requests and answers: OpenAI's API reference, "Create embeddings". A request is repeated when
the answer says "later" (429, 5xx) or does not come, with growing pauses and no sooner than the server asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx
import tenacity

from octavo.errors import AccessDenied, InvalidInput, InvalidSetting, Unavailable
from octavo.roles.embedder import Model, Purpose

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector

# Of one request; requests under way at once.
TEXTS_AT_ONCE, CHARACTERS_AT_ONCE = 64, 100_000
REQUESTS_AT_ONCE = 4
ATTEMPTS = 5
TIMEOUT_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 30.0

_LATER = {408, 409, 425, 429, 500, 502, 503, 504}
_DENIED = {401, 403}
_OF_TEXTS = {400, 413, 422}


class OpenAIEmbedder:
    """Embeds texts by asking an endpoint.

    Args:
        model: what it is called there, and the length of its vectors.
        url: up to and including `/v1`.
        key: sent as a bearer token; None for none. It is never logged and in no error.
        shortened: ask for vectors of the model's `dimensions`, which few models can shorten theirs to.
        attempts: how often a request is sent before `Unavailable`.
        first_pause_seconds: before the second attempt; each further pause is about twice as long.
    """

    def __init__(
        self,
        model: Model,
        url: str,
        key: str | None = None,
        *,
        shortened: bool = False,
        attempts: int = ATTEMPTS,
        first_pause_seconds: float = 0.5,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._model = model
        self._url = f"{url.rstrip('/')}/embeddings"
        self._asked = {"dimensions": model.dimensions} if shortened else {}
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=timeout_seconds
        )
        self._turns = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._attempts = attempts
        self._first_pause_seconds = first_pause_seconds

    @property
    def model(self) -> Model:
        """Whose vectors they are."""
        return self._model

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self._client.aclose()

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> Sequence[Vector]:  # noqa: ARG002
        """A vector for each text; passages and queries are sent alike.

        Raises:
            Unavailable: there was no answer after all attempts.
            AccessDenied: the endpoint refuses the key.
            InvalidInput: the endpoint refuses the texts.
            InvalidSetting: the endpoint's vectors have another length than the model's.
        """
        answers = await asyncio.gather(*(self._ask(batch) for batch in _batches(texts)))
        return [vector for answer in answers for vector in answer]

    async def _ask(self, texts: Sequence[str]) -> list[Vector]:
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((httpx.TransportError, _Later)),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=self._pause,
            reraise=True,
        )
        try:
            async with self._turns:
                answer: httpx.Response = await retrying(self._post, texts)
        except (httpx.TransportError, _Later) as error:
            raise Unavailable(
                f"the embedder at {self._url} does not answer ({type(error).__name__} {error})",
                remedy="see whether it runs and the setting `embedder`; what waits is embedded when it is back",
            ) from error
        return self._read(answer, len(texts))

    async def _post(self, texts: Sequence[str]) -> httpx.Response:
        body = {"model": self._model.name, "input": list(texts), "encoding_format": "float", **self._asked}
        answer = await self._client.post(self._url, json=body)
        if answer.status_code in _LATER:
            raise _Later(answer)
        return answer

    def _pause(self, state: tenacity.RetryCallState) -> float:
        first = self._first_pause_seconds
        growing = tenacity.wait_exponential(multiplier=first, max=LONGEST_PAUSE_SECONDS)
        pause = (growing + tenacity.wait_random(0, first))(state)
        error = state.outcome and state.outcome.exception()
        asked = error.seconds if isinstance(error, _Later) else 0.0
        return max(pause, min(asked, LONGEST_PAUSE_SECONDS))

    def _read(self, answer: httpx.Response, texts: int) -> list[Vector]:
        status = answer.status_code
        if status in _DENIED:
            raise AccessDenied(
                f"the embedder at {self._url} refuses the key ({status})",
                remedy="give the key in the setting engine_logins: host:port=:key",
            )
        if status in _OF_TEXTS:
            raise InvalidInput(
                f"the embedder refuses a text ({status})", remedy="see the limits of its model"
            )
        if status != httpx.codes.OK:
            raise Unavailable(
                f"the embedder at {self._url} answers {status}", remedy="see the setting `embedder`"
            )
        try:
            data = sorted(answer.json()["data"], key=lambda one: one["index"])
            vectors = [one["embedding"] for one in data]
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                f"what {self._url} answers are no embeddings", remedy="see the setting `embedder`"
            ) from error
        if len(vectors) != texts:
            raise Unavailable(f"the embedder gave {len(vectors)} vectors for {texts} texts")
        return [self._vector(numbers) for numbers in vectors]

    def _vector(self, numbers: Any) -> Vector:
        import numpy as np  # noqa: PLC0415 - of the extra `vectors`

        vector = np.asarray(numbers, dtype=np.float32)
        if vector.shape != (self._model.dimensions,):
            raise InvalidSetting(
                f"vectors of {self._model.name} have the shape {vector.shape}, not ({self._model.dimensions},)",
                remedy=f"end the setting `embedder` with ?dimensions={len(vector)}",
                setting="embedder",
            )
        length = float(np.linalg.norm(vector))
        if not 0 < length < float("inf"):
            raise InvalidInput("the embedder gave a vector without a direction")
        return np.asarray(vector / length, dtype=np.float32)


class _Later(Exception):
    """The endpoint asks to come back later."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"status {answer.status_code}")
        after = answer.headers.get("Retry-After", "")
        self.seconds = float(after) if after.isdecimal() else 0.0


def _batches(texts: Sequence[str]) -> list[list[str]]:
    """The texts in their order, a request each."""
    batches: list[list[str]] = []
    characters = 0
    for text in texts:
        if not batches or len(batches[-1]) == TEXTS_AT_ONCE or characters + len(text) > CHARACTERS_AT_ONCE:
            batches.append([])
            characters = 0
        batches[-1].append(text)
        characters += len(text)
    return batches
