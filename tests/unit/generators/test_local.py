"""The stand-in for a language model: sentences of the material, always the same."""

from __future__ import annotations

import pytest

from octavo.engines.generators.local import LocalGenerator
from octavo.roles.generator import Asked
from octavo.text.counts import count

MATERIAL = (
    "Refunds are paid within two weeks. The weather is fine. A refund needs a receipt, and the refund desk "
    "checks the receipt! Version 2.5 of the policy tells more.\nReceipts are kept for ten years"
)


async def test_sentences_of_the_material_are_given_in_their_order():
    answer = await LocalGenerator().generate(Asked(text="Write", material=MATERIAL, words=(10, 25)))

    sentences = answer.text.replace("! ", "!|").replace(". ", ".|").split("|")
    assert all(sentence in MATERIAL for sentence in sentences)
    assert [MATERIAL.index(one) for one in sentences] == sorted(MATERIAL.index(one) for one in sentences)
    assert 10 <= count(answer.text).words <= 25


async def test_the_same_is_given_again_and_says_that_no_model_wrote_it():
    """S4-028: the local default provider is deterministic."""
    one = LocalGenerator()

    answers = [await one.generate(Asked(text="Write", material=MATERIAL, temperature=t)) for t in (0.0, 2.0)]

    assert answers[0] == answers[1]
    assert (one.is_language_model, answers[0].model, answers[0].tokens_out) == (
        False,
        "local-extract-1",
        None,
    )


@pytest.mark.parametrize(("asked", "text"), [("Say this.", "Say this."), ("", "")])
async def test_without_material_it_has_what_was_asked(asked, text):
    assert (await LocalGenerator().generate(Asked(text=asked))).text == text


async def test_it_stops_where_it_is_told_to():
    answer = await LocalGenerator().generate(Asked(text="One two. Three END four.", stop=("END",)))

    assert answer.text == "One two. Three "
