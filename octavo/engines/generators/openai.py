"""Any endpoint that speaks OpenAI's `POST /chat/completions`: OpenAI's own, Ollama, vLLM, LiteLLM, llama.cpp.

Source of the form of requests and answers: OpenAI's API reference, "Create chat completion". A request is repeated
when the answer says "later" (429, 5xx) or does not come, with growing pauses and no sooner than the server asks for.
What an endpoint says of an error is not repeated: it may quote the request.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from octavo.errors import AccessDenied, InvalidInput, Unavailable
from octavo.roles.generator import Answer, Asked, Finish

ATTEMPTS = 4
TIMEOUT_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 60.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024

_LATER = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_DENIED = {401, 403}
_OF_REQUESTS = {400, 404, 413, 422}
_FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "filtered"}
_CODE = re.compile(r"[a-z0-9_.-]{1,60}")


class OpenAIGenerator:
    """Writes texts by asking an endpoint.

    Args:
        model: what is asked for when a request names no other.
        url: up to and including `/v1`.
        key: sent as a bearer token; None for none. It is never logged and in no error.
        attempts: how often a request is sent before `Unavailable`.
        first_pause_seconds: before the second attempt; each further pause is about twice as long.
        timeout_seconds: without a byte of an answer.
    """

    def __init__(
        self,
        model: str,
        url: str,
        key: str | None = None,
        *,
        attempts: int = ATTEMPTS,
        first_pause_seconds: float = 1.0,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._model = model
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=timeout_seconds
        )
        self._attempts = attempts
        self._first_pause_seconds = first_pause_seconds

    @property
    def model(self) -> str:
        """What is asked for when a request names no other."""
        return self._model

    @property
    def is_language_model(self) -> bool:
        """What is behind an endpoint is one."""
        return True

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self._client.aclose()

    async def generate(self, asked: Asked) -> Answer:
        """Ask for a text.

        Raises:
            Unavailable: there was no answer after all attempts, or one that is none.
            AccessDenied: the endpoint refuses the key.
            InvalidInput: the endpoint refuses the request, as one that is too long or names a model it has not.
        """
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((httpx.TransportError, _Later)),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=self._pause,
            reraise=True,
        )
        try:
            answered: tuple[int, bytes] = await retrying(self._post, asked)
        except (httpx.TransportError, _Later) as error:
            raise Unavailable(
                f"the generator at {self._url} does not answer ({type(error).__name__} {error})".replace(
                    " )", ")"
                ),
                remedy="see whether it runs and the setting `generator`",
            ) from error
        self._check(*answered)
        return self._read(answered[1], asked)

    async def _post(self, asked: Asked) -> tuple[int, bytes]:
        headers = {"Idempotency-Key": asked.key} if asked.key else {}
        async with self._client.stream(
            "POST", self._url, json=_body(asked, self._model), headers=headers
        ) as answer:
            if answer.status_code in _LATER:
                raise _Later(answer)
            content = bytearray()
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > MAX_ANSWER_BYTES:
                    raise Unavailable(
                        f"the generator at {self._url} answers with more than {MAX_ANSWER_BYTES} bytes"
                    )
            return answer.status_code, bytes(content)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        first = self._first_pause_seconds
        growing = tenacity.wait_exponential(multiplier=first, max=LONGEST_PAUSE_SECONDS)
        pause = (growing + tenacity.wait_random(0, first))(state)
        error = state.outcome and state.outcome.exception()
        asked = error.seconds if isinstance(error, _Later) else 0.0
        return max(pause, min(asked, LONGEST_PAUSE_SECONDS))

    def _check(self, status: int, content: bytes) -> None:
        if status in _DENIED:
            raise AccessDenied(
                f"the generator at {self._url} refuses the key ({status})",
                remedy="give the key in the setting engine_logins: host:port=:key",
            )
        if status in _OF_REQUESTS:
            raise InvalidInput(
                f"the generator refuses the request ({status}{_code(content)})",
                remedy="see the model's name, its limits, and max_tokens",
            )
        if status != httpx.codes.OK:
            raise Unavailable(
                f"the generator at {self._url} answers {status}", remedy="see the setting `generator`"
            )

    def _read(self, content: bytes, asked: Asked) -> Answer:
        try:
            answer = json.loads(content)
            choice = answer["choices"][0]
            text = choice["message"]["content"]
            if not isinstance(text, str):
                raise TypeError("a text was expected")
            usage = answer.get("usage") or {}
            return Answer(
                text=text.replace("\x00", ""),
                model=str(answer.get("model") or asked.model or self._model)[:200],
                tokens_in=_tokens(usage.get("prompt_tokens")),
                tokens_out=_tokens(usage.get("completion_tokens")),
                finish=_FINISHES.get(choice.get("finish_reason") or "stop", "other"),
            )
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise Unavailable(
                f"what {self._url} answers is no completion", remedy="see the setting `generator`"
            ) from error


class _Later(Exception):
    """The endpoint asks to come back later."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"status {answer.status_code}")
        self.seconds = _seconds(answer.headers.get("Retry-After", ""))


def _body(asked: Asked, model: str) -> dict[str, Any]:
    """The request; what is as endpoints have it by themselves is left out, since some refuse to be told."""
    said = "\n\n".join(filter(None, (asked.text, asked.material)))
    messages = [{"role": "system", "content": asked.system}] if asked.system else []
    body: dict[str, Any] = {
        "model": asked.model or model,
        "messages": [*messages, {"role": "user", "content": said}],
        "temperature": asked.temperature,
        "max_tokens": asked.max_tokens,
        "top_p": asked.top_p,
        "frequency_penalty": asked.frequency_penalty,
        "presence_penalty": asked.presence_penalty,
    }
    if asked.stop:
        body["stop"] = list(asked.stop)
    if asked.seed is not None:
        body["seed"] = asked.seed
    return body


def _seconds(after: str) -> float:
    """What `Retry-After` asks for: a number of seconds, or a moment (RFC 9110, 10.2.3); 0 when it is neither."""
    if after.isdecimal():
        return float(after)
    try:
        moment = parsedate_to_datetime(after)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _tokens(counted: Any) -> int | None:
    return counted if isinstance(counted, int) and not isinstance(counted, bool) and counted >= 0 else None


def _code(content: bytes) -> str:
    """The word an endpoint has for its refusal, as `context_length_exceeded`; never its sentence."""
    try:
        code = json.loads(content)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
