"""Components' documents, allowed models, pipelines that are not active, and default pipelines."""

from __future__ import annotations

import msgspec
import pytest

from octavo.errors import Conflict, InvalidPipeline, ModelNotAllowed, NotFound
from octavo.testing.clock import FakeClock

WRITER = {
    "component": "spend",
    "config": {"model": "gpt-4", "cost": "0.5"},
    "description": "Articles by GPT-4",
    "price": {"per_1k_in": "0.03"},
    "input_format": "template",
    "output_format": "json",
}


async def test_a_components_document_is_read_as_it_was_put_with_the_version_of_its_component(acme):
    """S4-026, S4-028"""
    put = await acme.components.put("writer", WRITER)

    got = await acme.components.get("writer")

    assert got.body == put.body
    assert {key: got.body[key] for key in ("component", "version", "config", "is_active")} == {
        "component": "spend",
        "version": 1,
        "config": WRITER["config"],
        "is_active": True,
    }


async def test_a_step_takes_a_components_configuration_below_its_own(acme):
    """S4-032"""
    await acme.components.put("writer", WRITER)
    await acme.pipelines.put("p", [{"component": "writer", "config": {"model": "gpt-5"}}])

    run = await acme.pipelines.run("p", clock=FakeClock())

    assert run.output == {"writer": {"model": "gpt-5"}}
    assert str(run.steps[0].metrics.cost_usd) == "0.5"


async def test_a_pipeline_keeps_the_configuration_it_was_put_with(acme):
    """S4-006"""
    await acme.components.put("writer", WRITER)
    await acme.components.tag("writer", "production")
    await acme.pipelines.put("p", [{"component": "writer@production"}])

    await acme.components.put("writer", {**WRITER, "config": {"model": "gpt-5"}})
    await acme.components.tag("writer", "production")

    run = await acme.pipelines.run("p", clock=FakeClock())
    uses = (await acme.pipelines.get("p")).body["steps"][0]["uses"]
    assert run.output == {"writer": {"model": "gpt-4"}}
    assert (uses["name"], uses["version"]) == ("writer", 1)


async def test_a_pipeline_that_was_read_can_be_put_again_and_nothing_changes(acme):
    await acme.components.put("writer", WRITER)
    first = await acme.pipelines.put("p", [{"component": "writer"}])

    again = await acme.pipelines.put("p", first.body)

    assert (again.version, again.changed) == (1, False)


@pytest.mark.parametrize(
    ("name", "definition", "words"),
    [
        ("writer", {"component": "sing"}, "'sing', which is not there"),
        ("writer", {"component": "spend", "config": {"temperature": 1}}, "temperature: Extra inputs"),
        ("writer", {"component": "spend", "colour": 1}, "unknown field `colour`"),
        ("kind", {"component": "spend"}, "a component in code is called 'kind' already"),
        ("Big Writer", {"component": "spend"}, "cannot be called 'Big Writer'"),
    ],
)
async def test_a_component_that_could_not_run_is_refused(acme, name, definition, words):
    with pytest.raises(InvalidPipeline) as refused:
        await acme.components.put(name, definition)

    assert words in str(refused.value)


@pytest.mark.parametrize("reference", ["writer", "writer@nowhere", "nobody@production"])
async def test_a_step_with_an_unknown_component_is_refused(acme, reference):
    """S4-033"""
    with pytest.raises(InvalidPipeline, match="which is not there"):
        await acme.pipelines.put("p", [{"component": reference}])


async def test_an_inactive_component_cannot_be_used_in_a_new_pipeline(acme):
    """S4-026"""
    await acme.components.put("writer", WRITER)
    await acme.pipelines.put("old", [{"component": "writer"}])
    await acme.components.put("writer", {**WRITER, "is_active": False})

    with pytest.raises(InvalidPipeline, match="not active"):
        await acme.pipelines.put("new", [{"component": "writer"}])

    assert (await acme.pipelines.run("old", clock=FakeClock())).state == "completed"


async def test_a_component_in_two_pipelines_works_and_is_not_deleted_while_they_use_it(acme):
    """S4-077"""
    await acme.components.put("writer", WRITER)
    for name in ("one", "two"):
        await acme.pipelines.put(name, [{"component": "writer"}, {"component": "kind"}])
        assert (await acme.pipelines.run(name, clock=FakeClock())).state == "completed"

    with pytest.raises(Conflict, match="used by 2 pipelines: one, two"):
        await acme.components.delete("writer")

    for name in ("one", "two"):
        await acme.pipelines.put(name, [{"component": "kind"}])
    await acme.components.delete("writer")
    with pytest.raises(NotFound):
        await acme.components.get("writer")


async def test_formats_of_steps_must_fit_each_other(acme):
    """S4-029"""
    await acme.components.put("writer", WRITER)
    await acme.components.put("reader", {"component": "kind", "input_format": "html"})

    with pytest.raises(InvalidPipeline, match="reads 'html', and is given 'json'"):
        await acme.pipelines.put("p", [{"component": "writer"}, {"component": "reader"}])


async def test_a_model_that_the_pipeline_does_not_allow_is_refused(acme):
    """S4-034"""
    steps = [{"component": "spend", "config": {"model": "gpt-4@2"}}]
    await acme.pipelines.put("p", {"steps": steps, "allowed_models": ["gpt-4", "small"]})

    with pytest.raises(ModelNotAllowed, match="does not allow the model 'gpt-4'"):
        await acme.pipelines.put("p", {"steps": steps, "allowed_models": ["small"]})


async def test_a_model_that_the_organization_does_not_allow_is_refused_when_put_and_when_run(acme, db):
    """S4-034, S4-050"""
    steps = [{"component": "spend", "config": {"model": "gpt-4"}}]
    await acme.pipelines.put("p", steps)
    await _allow(db, acme, ["small"])

    run = await acme.pipelines.run("p", clock=FakeClock())

    assert (run.state, run.error["code"], run.attempt) == ("dead", "model_not_allowed", 1)
    with pytest.raises(ModelNotAllowed, match="this organization"):
        await acme.pipelines.put("q", steps)
    await acme.pipelines.put("q", [{"component": "spend"}])


async def test_no_run_of_a_pipeline_that_is_not_active_is_started(acme):
    """S4-031"""
    await acme.pipelines.put("p", [{"component": "kind"}])
    await acme.pipelines.tag("p", "production")
    await acme.pipelines.put("p", {"steps": [{"component": "kind"}], "is_active": False})

    for reference in ("p", "p@production", "p@1"):
        with pytest.raises(Conflict, match="not active"):
            await acme.pipelines.start(reference)

    await acme.pipelines.put("p", {"steps": [{"component": "kind"}]})
    assert (await acme.pipelines.start("p@production")).pipeline_version == 1


async def test_a_version_that_is_not_active_is_not_started_when_the_newest_is(acme):
    await acme.pipelines.put("p", {"steps": [{"component": "kind"}], "is_active": False})
    await acme.pipelines.put("p", [{"component": "kind"}])

    with pytest.raises(Conflict, match="'p@1' is not active"):
        await acme.pipelines.start("p@1")

    assert (await acme.pipelines.start("p")).pipeline_version == 2


async def test_a_type_of_documents_has_one_default_pipeline(acme):
    """S4-031, S4-070"""
    steps = [{"component": "kind"}]
    await acme.pipelines.put("articles", {"steps": steps, "default_for": ["article", "post"]})

    with pytest.raises(InvalidPipeline, match="the default pipeline of 'post' is 'articles' already"):
        await acme.pipelines.put("posts", {"steps": steps, "default_for": ["post"]})

    assert (await acme.pipelines.default("article")).name == "articles"
    assert await acme.pipelines.default("invoice") is None


async def test_a_pipeline_that_is_not_active_is_no_default(acme):
    steps = [{"component": "kind"}]
    await acme.pipelines.put("old", {"steps": steps, "default_for": ["article"]})
    await acme.pipelines.put("old", {"steps": steps, "default_for": ["article"], "is_active": False})

    await acme.pipelines.put("new", {"steps": steps, "default_for": ["article"]})

    assert (await acme.pipelines.default("article")).name == "new"


async def _allow(db, workspace, models):
    organization = (await workspace._bind()).organization
    await db.record.system.execute(
        "UPDATE octavo.organization_profile SET settings = settings || $2::jsonb WHERE id = $1",
        organization,
        msgspec.json.encode({"allowed_models": models}),
    )
