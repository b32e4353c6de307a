"""Template, generation, transformation: one pipeline, executed by a worker, and what it leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import octavo
from octavo.errors import InvalidPipeline, InvalidTemplate
from octavo.postgres.server import Server
from octavo.values.template import parse_template
from octavo.workspace import Workspace
from tests.databases import url_of
from tests.unit.generators.endpoint import Endpoint, serving

KEY = "sk-very-secret"
ARTICLE = {
    "structure": {
        "sections": [
            {
                "id": "opening",
                "name": "{{ title }}",
                "instructions": "Introduce {{ title }}.",
                "word_range": [2, 9],
            },
            {
                "id": "points",
                "name": "Points",
                "type": "sections",
                "each": "points",
                "section_template": {"name": "{{ item }}", "instructions": "Tell of {{ item }}."},
            },
            {"id": "end", "name": "End", "text": "By {{ outputs.count.words }} words of {{ author }}."},
        ]
    }
}
STEPS = [
    {"component": "count"},
    {"component": "template", "config": {"template": "article@production"}},
    {"component": "generate", "config": {"source": "template"}, "price": {"per_1k_in": "0.03", "per_1k_out": "0.06"}},
    {
        "component": "transform",
        "config": {"source": "outputs.generate.text", "from": "markdown", "to": "html", "table_of_contents": True},
        "into": "page",
    },
]  # fmt: skip
NOTE = {
    "title": "Queues",
    "points": ["fairness", "leases"],
    "author": "Ann",
    "text": "Queues are fair. Leases end.",
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with serving() as running:
        yield running


@pytest.fixture
async def writing(server: Server, database: str, endpoint: Endpoint) -> AsyncIterator[octavo.Octavo]:
    """The database as it is opened where a language model is behind an address."""
    endpoint.asked.clear()
    endpoint.headers.clear()
    async with octavo.open(
        url_of(server, "octavo_app", database),
        record_system=url_of(server, "octavo_system", database),
        background=False,
        generator=f"openai:m@{endpoint.url}",
        engine_logins=f"{endpoint.url.removeprefix('http://').removesuffix('/v1')}=:{KEY}",
    ) as opened:
        yield opened


async def put(view: Workspace) -> None:
    await view.templates.put("article", ARTICLE)
    await view.templates.tag("article", "production")
    await view.pipelines.put("write", {"steps": STEPS, "retry": {"attempts": 1}})


async def test_a_worker_writes_a_page_from_a_template(db, acme):
    """S4-027, S4-032: template, generator and transformer in their order."""
    await put(acme)
    note = await acme.documents.put("note", NOTE)

    async with db.worker():
        run = await acme.runs.wait((await acme.pipelines.start("write", note.id)).id)

    assert run.state == "completed", run.error
    page = (await acme.documents.get(note.id)).body["page"]
    assert [heading["title"] for heading in page["headings"]] == [
        "Queues",
        "Points",
        "fairness",
        "leases",
        "End",
    ]
    assert page["text"].startswith('<nav>\n<ul>\n<li><a href="#queues"')
    assert "<p>By 9 words of Ann.</p>" in page["text"]
    assert run.output["generate"]["is_language_model"] is False
    assert run.output["template"]["version"] == 1


async def test_a_language_model_behind_an_address_writes_and_its_key_is_nowhere(writing, acme, endpoint):
    """S4-028, S4-029: tokens and cost of a run; the key is in no document, run or event."""
    view = writing.organization(str((await acme._bind()).organization))
    await put(view)
    note = await view.documents.put("note", NOTE)

    run = await view.pipelines.run("write", note.id)

    assert run.state == "completed", run.error
    generated = run.output["generate"]
    assert (generated["model"], generated["tokens_in"], generated["tokens_out"]) == ("m-2026", 30, 6)
    metrics = next(step.metrics for step in run.steps if step.name == "generate")
    assert (metrics.tokens_in, metrics.tokens_out, str(metrics.cost_usd)) == (30, 6, "0.00126")
    assert len({headers["Idempotency-Key"] for headers in endpoint.headers}) == 3
    assert {headers["Authorization"] for headers in endpoint.headers} == {f"Bearer {KEY}"}
    events = [event.as_dict() for event in await view.events.stream(f"run-{run.id}")]
    assert KEY not in f"{run.as_dict()} {events} {(await view.documents.get(note.id)).body}"


async def test_a_refused_key_fails_the_step_without_telling_it(writing, acme, endpoint):
    view = writing.organization(str((await acme._bind()).organization))
    await put(view)
    endpoint.next = [(401, {"error": {"message": f"wrong key {KEY}"}}, {})]

    run = await view.pipelines.run("write", (await view.documents.put("note", NOTE)).id)

    assert (run.state, run.error["code"], run.error["step"]) == ("dead", "access_denied", "generate")
    assert KEY not in str(run.as_dict())


async def test_a_pipeline_keeps_the_version_of_the_template_it_was_put_with(acme):
    """S4-021: a template's versions stay; a pipeline pins one."""
    await put(acme)
    await acme.templates.put("article", {"structure": {"sections": [{"id": "other", "text": "Other"}]}})
    await acme.templates.tag("article", "production")

    kept = (await acme.pipelines.get("write")).body["steps"][1]["config"]
    await acme.pipelines.put("write", {"steps": STEPS, "retry": {"attempts": 1}})
    moved = (await acme.pipelines.get("write")).body["steps"][1]["config"]

    assert (kept["version"], kept["template"]["structure"]["sections"][0]["id"]) == (1, "opening")
    assert (moved["version"], moved["template"]["structure"]["sections"][0]["id"]) == (2, "other")
    assert parse_template((await acme.templates.get("article@1")).body) == parse_template(ARTICLE)


async def test_a_missing_variable_ends_the_run_at_once_and_is_named(db, acme):
    await put(acme)
    note = await acme.documents.put("note", NOTE)
    bare = await acme.documents.put("note", {"title": "Queues", "points": ["a"]})

    runs = [await acme.pipelines.run("write", one.id) for one in (note, bare)]

    assert runs[0].state == "completed"
    assert (runs[1].state, runs[1].error["step"]) == ("dead", "template")
    assert "end.text needs 'author', which is not given" in runs[1].error["message"]


async def test_a_template_that_is_not_there_or_not_active_is_refused_with_the_pipeline(acme):
    step = {"component": "template", "config": {"template": "none@production"}}
    with pytest.raises(InvalidPipeline, match="there is no template 'none@production'"):
        await acme.pipelines.put("p", [step])

    await acme.templates.put("old", {**ARTICLE, "is_active": False})
    with pytest.raises(InvalidPipeline, match="the template 'old', which is not active"):
        await acme.pipelines.put("p", [{"component": "template", "config": {"template": "old"}}])


async def test_templates_have_versions_and_tags_are_found_and_filled(acme):
    """S4-020, S4-021, S4-025."""
    first = await acme.templates.put("greeting", _greeting("Hello {{ name }}."))
    same = await acme.templates.put("greeting", _greeting("Hello {{ name }}."))
    second = await acme.templates.put("greeting", _greeting("Dear {{ name }}."))
    await acme.templates.tag("greeting", "1.0.0", version=1)

    made = [
        (await acme.templates.render(one, {"name": "Ann"})).text for one in ("greeting", "greeting@1.0.0")
    ]
    found = [await acme.templates.list(where={"metadata.category": one}) for one in ("letters", "none")]

    assert (first.version, same.changed, second.version) == (1, False, 2)
    assert made == ["Dear Ann.", "Hello Ann."]
    assert [[one.name for one in page] for page in found] == [["greeting"], []]


async def test_a_template_that_cannot_be_filled_is_not_stored(acme):
    with pytest.raises(InvalidTemplate, match=r"a\.text cannot be read"):
        await acme.templates.put("wrong", {"structure": {"sections": [{"id": "a", "text": "{{ open("}]}})

    assert await acme.templates.list() == []


async def test_another_organization_has_no_template_of_this_one(db, acme):
    await put(acme)
    other = await db.organizations.create(f"{(await acme._bind()).organization.hex}-other")

    assert await db.organization(str(other.id)).templates.list() == []


@pytest.mark.parametrize(
    ("component", "config", "field"),
    [
        ("summarize", {"sentences": 1}, "summary"),
        ("keywords", {}, "keywords"),
        ("entities", {}, "entities"),
        ("embed", {"vectors": False}, "passages"),
    ],
)
async def test_what_is_extracted_is_an_output(db, acme, component, config, field):
    """S0-134, S0-142."""
    await acme.pipelines.put("p", [{"component": component, "config": {"field": "text", **config}}])
    note = await acme.documents.put(
        "note", {"text": "Ann wrote to ann@example.org. The refund is paid. It rained."}
    )

    run = await acme.pipelines.run("p", note.id)

    assert run.state == "completed", run.error
    assert run.output[component][field]


def _greeting(text: str) -> dict:
    return {"structure": {"sections": [{"id": "a", "text": text}]}, "metadata": {"category": "letters"}}
