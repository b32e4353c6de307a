"""Components that judge text, as a worker runs them: a pipeline of all, and a model that was trained here."""

from __future__ import annotations

import json

import pytest

import octavo
from octavo.components.trained.classifier import Classifier
from octavo.components.trained.metrics import figures
from octavo.errors import InvalidInput, InvalidPipeline
from octavo.values.result import RESULT_TYPES
from octavo.workspace import Workspace
from tests.unit.components.tickets import TICKETS

REVIEW = "An excellent book, wonderfully written and a joy to read. I loved every page of it."
LETTER = """The courier lost my parcel on 12 May 2026. The parcel was never delivered to my address.

I have written to help@example.com twice, and I am angry that nobody answers."""
LABELS = {"books": "novels, reading, authors and pages", "food": "meals, cooking and restaurants"}


@pytest.fixture
async def worker(db: octavo.Octavo):
    async with db.worker(slots=4) as running:
        yield running


@pytest.fixture
async def desk(acme: Workspace) -> Workspace:
    """An organization with judged tickets."""
    await acme.documents.put_many(
        [
            {"type": "ticket", "body": {"text": line.strip(), "topic": topic}}
            for topic, lines in TICKETS.items()
            for line in lines.splitlines()
        ]
    )
    return acme


async def test_a_worker_judges_a_text_in_every_way_and_keeps_each_result(acme, worker):
    """S0-134, S0-139, S0-140."""
    await acme.pipelines.put(
        "judge",
        [
            {"component": "language"},
            {"component": "sentiment", "after": ["language"]},
            {"component": "classify", "after": ["language"], "config": {"labels": LABELS}},
        ],
    )
    review = await acme.documents.put("review", {"text": REVIEW})

    run = await acme.runs.wait((await acme.pipelines.start("judge", review.id)).id)

    assert run.state == "completed", run.error
    assert run.output["language"]["language"] == "en"
    results = {result.type: result.value for result in await acme.results.of(review.id)}
    assert set(results) == {"sentiment", "classification"}
    assert results["sentiment"].sentiment in {"positive", "very_positive"}
    assert results["classification"].predicted_category == "books"


async def test_each_of_the_six_types_has_a_component_that_makes_its_results(desk, worker):
    """S0-134, S0-141."""
    await desk.models.train_topics("ticket-topics", type="ticket", text="text", topics=2)
    await desk.models.promote("ticket-topics")
    await desk.pipelines.put(
        "all",
        [
            {"component": "classify", "config": {"labels": LABELS}, "after": []},
            {"component": "sentiment", "after": []},
            {"component": "topics", "config": {"model": "ticket-topics@production"}, "after": []},
            {"component": "summarize", "after": []},
            {"component": "entities", "after": []},
            {"component": "keywords", "after": []},
        ],
    )
    letter = await desk.documents.put("letter", {"text": LETTER})

    run = await desk.runs.wait((await desk.pipelines.start("all", letter.id)).id)

    assert run.state == "completed", run.error
    results = {result.type: result.value for result in await desk.results.of(letter.id)}
    assert set(results) == set(RESULT_TYPES) - {"embedding"}
    topics = results["topic_modeling"]
    assert sum(topics.topic_distribution.values()) == pytest.approx(1)
    assert topics.keywords
    assert all(word.word in LETTER.lower() for word in topics.keywords)


async def test_a_step_that_judges_tells_what_it_used(acme, worker):
    """S0-144."""
    await acme.pipelines.put("judge", [{"component": "sentiment"}])
    review = await acme.documents.put("review", {"text": REVIEW})

    run = await acme.runs.wait((await acme.pipelines.start("judge", review.id)).id)

    (step,) = run.steps
    assert step.metrics.tokens_in == len(REVIEW.split())
    assert step.metrics.cpu_seconds > 0


async def test_a_model_is_trained_promoted_and_named_by_the_results_it_makes(desk, worker):
    """S0-156, S0-157, S0-158."""
    made = await desk.models.train("ticket-topic", type="ticket", text="text", label="topic")
    await desk.models.promote("ticket-topic", made.version)
    await desk.pipelines.put(
        "sort", [{"component": "classify", "config": {"field": "text", "model": "ticket-topic@production"}}]
    )
    ticket = await desk.documents.put("ticket", {"text": "The courier lost my parcel."})

    run = await desk.runs.wait((await desk.pipelines.start("sort", ticket.id)).id)

    assert (made.version, made.stage) == (1, "validation")
    assert run.state == "completed", run.error
    assert run.output["classify"]["predicted_category"] == "delivery"
    (result,) = await desk.results.of(ticket.id)
    assert (result.model, result.model_version) == ("ticket-topic", "1")


async def test_what_a_model_was_trained_on_and_how_good_it_is_stands_beside_it(desk):
    """S0-156, S0-157, S0-158."""
    made = await desk.models.train("ticket-topic", type="ticket", text="text", label="topic")

    data, performance = made.card.training_data, made.card.performance
    assert (data.sample_count, data.labels) == (45, ["billing", "delivery", "login"])
    assert data.data_quality_score == 1
    assert performance.accuracy > performance.benchmark_results["majority"]
    dataset = await desk.namespace("octavo").documents.get(data.dataset_id)
    assert (dataset.body["type"], dataset.body["label"], dataset.body["held_out"]) == ("ticket", "topic", 9)


async def test_the_figures_can_be_computed_again_from_the_documents_that_judged(desk):
    """S0-158."""
    made = await desk.models.train("ticket-topic", type="ticket", text="text", label="topic")

    classifier = Classifier.loads(await desk.models.artifact("ticket-topic@1", "weights"))
    judged = await _judged(desk)
    right = [classifier.labels.index(body["topic"]) for body in judged]
    again = figures(classifier.labels, right, classifier.scores([body["text"] for body in judged]))
    assert again.as_dict() == made.card.performance.validation_metrics


async def test_the_same_documents_make_the_same_version(desk):
    first = await desk.models.train("ticket-topic", type="ticket", text="text", label="topic")

    again = await desk.models.train("ticket-topic", type="ticket", text="text", label="topic")

    assert (again.version, again.changed) == (first.version, False)


async def test_a_label_that_is_no_text_is_refused(acme):
    await acme.documents.put_many([{"type": "ticket", "body": {"text": "a", "topic": 7}}])

    with pytest.raises(InvalidInput, match="is a int"):
        await acme.models.train("ticket-topic", type="ticket", text="text", label="topic")


async def test_a_text_of_another_language_has_no_sentiment_and_is_not_tried_again(acme, worker):
    await acme.pipelines.put("judge", [{"component": "sentiment"}])
    german = await acme.documents.put(
        "review", {"text": "Das ist ein gutes Buch, und es hat mir sehr gefallen."}
    )

    run = await acme.runs.wait((await acme.pipelines.start("judge", german.id)).id)

    assert (run.state, run.attempt) == ("dead", 1)
    assert "this text is de" in run.error["message"]


async def test_a_classification_by_nothing_is_refused_when_the_pipeline_is_put(acme):
    with pytest.raises(InvalidPipeline, match="either a model or labels"):
        await acme.pipelines.put("sort", [{"component": "classify"}])


async def _judged(desk: Workspace) -> list[dict[str, str]]:
    lines = (await desk.models.artifact("ticket-topic@1", "examples")).decode().splitlines()
    return [
        (await desk.documents.get(document, version=int(version))).body
        for document, version in _held_out(lines)
    ]


def _held_out(lines: list[str]) -> list[tuple[str, str]]:
    listed = [json.loads(line) for line in lines]
    return [tuple(one["document"].split("@")) for one in listed if one["part"] == "judged_by"]
