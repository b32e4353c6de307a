"""generate: texts and sections by a model behind an endpoint, which is a real server, and by the local stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from octavo.components.generate import generating
from octavo.engines.generators.local import LocalGenerator
from octavo.engines.generators.openai import OpenAIGenerator
from octavo.errors import InvalidPipeline, InvalidTemplate, StepFailed
from octavo.values.component import Component
from tests.unit.generators.endpoint import Endpoint, completion, serving

SECTIONS = {
    "text": "",
    "words": 0,
    "warnings": [],
    "sections": [
        {"id": "intro", "name": "Intro", "instructions": "Introduce it.", "word_range": [2, 4]},
        {
            "id": "body",
            "name": "Body",
            "sections": [
                {"id": "body-1", "name": "One", "instructions": "Say one."},
                {"id": "body-2", "name": "Two", "text": "Fixed.", "words": 1},
            ],
        },
    ],
}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as running:
        yield running


@pytest.fixture
async def remote(endpoint: Endpoint) -> AsyncIterator[Component]:
    """The component, written by the endpoint."""
    generator = OpenAIGenerator("m", endpoint.url, "sk-secret", first_pause_seconds=0)
    yield generating(lambda: generator)
    await generator.close()


LOCAL = generating(LocalGenerator)


async def run(component: Component, step, **config):
    return await component.bind(component.configured(config))(step)


async def test_a_prompt_is_filled_and_what_came_back_is_kept(remote, endpoint, given):
    """S3-036."""
    made = await run(remote, given({"title": "Queues"}), prompt="On {{ title }}.", system="Be brief.")

    (one,) = made.interactions
    assert (one.prompt, one.system, one.response) == ("On Queues.", "Be brief.", "Fine words.")
    assert (one.model, one.tokens_in, one.tokens_out) == ("m-2026", 10, 2)
    assert one.latency_ms > 0
    assert (made.text, made.is_language_model) == ("Fine words.", True)
    assert endpoint.asked[0]["messages"][1]["content"] == "On Queues.\n\nQueues"


async def test_tokens_are_measured(remote, given):
    """S4-029: cost is computed of what a step measures."""
    step = given({"title": "Queues"})

    made = await run(remote, step, prompt="x")

    assert (step.account.metrics.tokens_in, step.account.metrics.tokens_out) == (10, 2)
    assert (made.tokens_in, made.tokens_out) == (10, 2)


async def test_the_sections_of_a_template_are_written_each_with_a_key_of_its_own(remote, endpoint, given):
    made = await run(remote, given({}, fill=SECTIONS), source="fill", material="")

    assert made.text == "# Intro\n\nFine words.\n\n# Body\n\n## One\n\nFine words.\n\n## Two\n\nFixed."
    assert endpoint.asked[0]["messages"][0]["content"] == (
        "Write the section “Intro”.\nIntroduce it.\nWrite 2 to 4 words.\n"
        "Answer with its text alone, as Markdown without a heading."
    )
    keys = [headers["Idempotency-Key"] for headers in endpoint.headers]
    assert keys == [f"{given({}).key}:intro:1", f"{given({}).key}:body-1:1"]
    assert made.words == 5


async def test_a_text_of_the_wrong_length_is_asked_for_again(remote, endpoint, given):
    """S4-024."""
    endpoint.texts = ["Short.", "Now long enough."]

    made = await run(remote, given({}), prompt="x", word_range=[3, 5], tries=3)

    assert (made.text, made.warnings) == ("Now long enough.", [])
    assert "An earlier answer had 1 words" in endpoint.asked[1]["messages"][0]["content"]
    assert len(endpoint.asked) == 2


async def test_a_text_that_stays_too_short_is_flagged_or_fails_the_step(remote, endpoint, given):
    """S4-024."""
    made = await run(remote, given({}), prompt="x", word_range=[3, 5])

    assert made.warnings == ["text: 2 words, and shall have 3 to 5"]
    with pytest.raises(StepFailed, match="the section 'text' has 2 words"):
        await run(remote, given({}), prompt="x", word_range=[3, 5], out_of_range="fail")
    assert len(endpoint.asked) == 4


@pytest.mark.parametrize(
    ("finish", "told"),
    [("length", "cut at max_tokens"), ("content_filter", "held back by the endpoint's filter")],
)
async def test_an_answer_that_was_cut_or_held_back_is_flagged(remote, endpoint, given, finish, told):
    endpoint.next = [(200, completion("Fine", finish=finish), {})]

    assert (await run(remote, given({}), prompt="x")).warnings == [f"text: {told}"]


@pytest.mark.parametrize(
    ("material", "said"),
    [(None, "x\n\nA\n\nB"), ("document.a", "x\n\nA"), ("outputs.sum.summary", "x\n\nS"), ("", "x")],
)
async def test_the_material_is_the_document_or_what_is_named(remote, endpoint, given, material, said):
    step = given({"a": "A", "b": "B"}, sum={"summary": "S"})

    await run(remote, step, prompt="x", material=material)

    assert endpoint.asked[0]["messages"][0]["content"] == said


async def test_long_material_is_cut(remote, endpoint, given):
    made = await run(remote, given({"a": "x" * 50}), prompt="p", material_characters=7)

    assert (endpoint.asked[0]["messages"][0]["content"], made.interactions[0].material_characters) == (
        "p\n\n" + "x" * 7,
        7,
    )


async def test_the_stand_in_says_that_it_is_no_language_model(given):
    step = given({"text": "Refunds take two weeks. Refunds need receipts."})

    made = await run(LOCAL, step, prompt="Write about refunds.", word_range=[3, 4], tries=5)

    assert (made.text, made.is_language_model) == ("Refunds take two weeks.", False)
    assert (made.model, len(made.interactions), made.tokens_out) == ("local-extract-1", 1, 0)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"prompt": "x", "source": "y"},
        {"prompt": "x", "temperature": 2.1},
        {"prompt": "x", "top_p": 0},
        {"prompt": "x", "frequency_penalty": -2.1},
        {"prompt": "x", "presence_penalty": 2.1},
        {"prompt": "x", "max_tokens": 0},
        {"prompt": "x", "stop_sequences": list("abcde")},
        {"prompt": "x", "word_range": [5, 3]},
        {"prompt": "{{ x() }}"},
        {"prompt": "x", "url": "http://127.0.0.1"},
    ],
    ids=str,
)
def test_what_is_out_of_its_range_is_refused_with_the_pipeline(config):
    """S4-028, S4-034."""
    with pytest.raises(InvalidPipeline, match="the configuration of the component generate is wrong"):
        LOCAL.configured(config)


async def test_a_missing_variable_or_source_is_told(given):
    with pytest.raises(InvalidTemplate, match="prompt needs 'title'"):
        await run(LOCAL, given({}), prompt="{{ title }}")
    with pytest.raises(StepFailed, match="no output of a step 'fill'"):
        await run(LOCAL, given({}), source="fill")
    with pytest.raises(StepFailed, match="has no sections"):
        await run(LOCAL, given({}, fill={"words": 3}), source="fill")
