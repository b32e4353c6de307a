"""Writing by an endpoint: a real server on this machine, which answers as it is told to."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from octavo.engines.generators.openai import MAX_ANSWER_BYTES, OpenAIGenerator, _seconds
from octavo.errors import AccessDenied, InvalidInput, Unavailable
from octavo.roles.generator import Answer, Asked
from tests.unit.generators.endpoint import Endpoint, completion, serving

KEY = "sk-very-secret"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as running:
        yield running


@pytest.fixture
async def generator_of(endpoint: Endpoint) -> AsyncIterator[Callable[..., OpenAIGenerator]]:
    """Makes generators, which are closed when the test ends."""
    made: list[OpenAIGenerator] = []

    def make(**options: Any) -> OpenAIGenerator:
        made.append(OpenAIGenerator("m", endpoint.url, KEY, **{"first_pause_seconds": 0, **options}))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_the_request_is_that_of_the_protocol(endpoint, generator_of):
    """S4-028: the provider call receives what is configured."""
    asked = Asked(
        text="Write.",
        material="About queues.",
        system="Be brief.",
        temperature=0.65,
        max_tokens=7,
        top_p=0.5,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        stop=("\n\n\n",),
        seed=4,
        key="run-1:s:1",
    )

    await generator_of().generate(asked)

    assert endpoint.asked == [
        {
            "path": "/v1/chat/completions",
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Write.\n\nAbout queues."},
            ],
            "temperature": 0.65,
            "max_tokens": 7,
            "top_p": 0.5,
            "frequency_penalty": 0.1,
            "presence_penalty": -0.1,
            "stop": ["\n\n\n"],
            "seed": 4,
        }
    ]
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert endpoint.headers[0]["Idempotency-Key"] == "run-1:s:1"


async def test_the_answer_tells_model_tokens_and_how_it_ended(endpoint, generator_of):
    endpoint.next = [(200, completion("Cut of", "other", "length"), {})]

    answer = await generator_of().generate(Asked(text="Write.", model="other"))

    assert answer == Answer(text="Cut of", model="other-2026", tokens_in=10, tokens_out=2, finish="length")
    assert endpoint.asked[0]["model"] == "other"


async def test_an_endpoint_that_counts_no_tokens_is_taken_at_its_word(endpoint, generator_of):
    endpoint.next = [(200, {"choices": [{"message": {"content": "Yes"}}]}, {})]

    assert await generator_of().generate(Asked(text="?")) == Answer(text="Yes", model="m")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_is_asked_again_with_the_same_key(endpoint, generator_of, status):
    endpoint.next = [(status, b"", {"Retry-After": "0"})] * 2

    assert (await generator_of().generate(Asked(text="Write.", key="k"))).text == "Fine words."

    assert [headers["Idempotency-Key"] for headers in endpoint.headers] == ["k", "k", "k"]


async def test_what_does_not_pass_is_told_without_the_key(endpoint, generator_of, caplog):
    caplog.set_level(logging.DEBUG)
    endpoint.next = [(503, b"", {})] * 3

    with pytest.raises(Unavailable) as told:
        await generator_of(attempts=3).generate(Asked(text="Write."))

    assert len(endpoint.asked) == 3
    assert KEY not in f"{told.value} {told.value.as_dict()} {caplog.text}"


async def test_an_endpoint_that_does_not_answer_in_time_is_unavailable(endpoint, generator_of):
    endpoint.next = [(200, None, {})] * 2

    with pytest.raises(Unavailable, match="ReadTimeout"):
        await generator_of(attempts=2, timeout_seconds=0.05).generate(Asked(text="Write."))


async def test_nobody_at_the_address_is_unavailable(generator_of, endpoint):
    nobody = OpenAIGenerator("m", "http://127.0.0.1:1/v1", attempts=1)

    with pytest.raises(Unavailable, match="does not answer"):
        await nobody.generate(Asked(text="Write."))
    await nobody.close()


@pytest.mark.parametrize(
    ("status", "answer", "error", "told"),
    [
        (401, {"error": {"message": f"bad key {KEY}"}}, AccessDenied, "refuses the key"),
        (
            400,
            {"error": {"code": "context_length_exceeded", "message": "your text"}},
            InvalidInput,
            "400 context_",
        ),
        (404, {"error": {"code": "No such model: your text"}}, InvalidInput, r"\(404\)"),
        (418, b"", Unavailable, "answers 418"),
        (200, b"<html>", Unavailable, "no completion"),
        (200, {"choices": []}, Unavailable, "no completion"),
        (200, {"choices": [{"message": {"content": None}}]}, Unavailable, "no completion"),
        (200, [1], Unavailable, "no completion"),
        (200, b"x" * (MAX_ANSWER_BYTES + 1), Unavailable, "more than"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_no_text_is_a_typed_error_that_quotes_nothing(
    endpoint, generator_of, status, answer, error, told
):
    endpoint.next = [(status, answer, {})]

    with pytest.raises(error, match=told) as raised:
        await generator_of().generate(Asked(text="Write."))

    assert len(endpoint.asked) == 1
    assert "your text" not in str(raised.value)
    assert KEY not in str(raised.value.as_dict())


def test_retry_after_is_seconds_or_a_moment():
    soon = datetime.now(UTC) + timedelta(seconds=3_000)

    assert _seconds("7") == 7
    assert 2_900 < _seconds(format_datetime(soon, usegmt=True)) <= 3_000
    assert _seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert _seconds("soon") == _seconds("") == 0
