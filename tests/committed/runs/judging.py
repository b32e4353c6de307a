"""Components whose outputs are results, for the tests of what runs keep."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

import octavo
from octavo.values.component import ModelName
from octavo.values.result import Classification, Sentiment, Summary
from tests.committed.runs.steps import GATES


class Words(BaseModel):
    model: ModelName | None = None
    note: str = ""


@octavo.component("topic", version=3)
def topic(given: octavo.Given, config: Words) -> Classification:
    """Billing, when the text has a word that the model knows."""
    assert given.document is not None
    words = json.loads(Path(given.files["words"]).read_bytes()) if given.files else ["invoice"]
    given.measure(tokens_in=4)
    billing = 0.9 if any(word in given.document.body["text"] for word in words) else 0.2
    scores = {"billing": billing, "other": 1 - billing}
    best = max(scores, key=lambda name: scores[name])
    return Classification(predicted_category=best, confidence=scores[best], category_scores=scores)


@octavo.component("mood", version=1)
async def mood(given: octavo.Given) -> Sentiment:
    """Neutral, after the gate of the input was opened."""
    if gate := GATES.get(given.input.get("gate", "")):
        gate.came.set()
        await gate.opened.wait()
    return Sentiment(sentiment="neutral", score=0, confidence=1, emotion_scores={})


@octavo.component("shorten", version=1, cpu=True)
def shorten(given: octavo.Given, config: Words) -> Summary:
    """The first letters of the text, or of what the model has, in a process."""
    assert given.document is not None
    text = Path(given.files["words"]).read_text() if config.model else given.document.body["text"]
    return Summary(summary=text[:7], ratio=0.5)
