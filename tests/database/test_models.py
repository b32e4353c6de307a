"""The registry of models, one promise a test."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from octavo.engines.blobs.files import FileBlobs
from octavo.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    NotFound,
    StorageFault,
    VersionConflict,
)
from octavo.registry import models as registry
from octavo.registry.health import AllowedHosts
from octavo.registry.serving import Serving
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from octavo.values.model import STAGES, ModelVersion, UsedModel
from octavo.workspace import Documents, ModelParts, Models, Results
from tests.database.conftest import documents_for, scope_for

KIND: dict[str, Any] = {"type": "classification"}


@pytest.fixture
async def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


@pytest.fixture
async def serving(blobs: FileBlobs):
    made = Serving(blobs)
    yield made
    await made.close()


@pytest.fixture
def models(record: Any, scope: Scope, blobs: FileBlobs, serving: Serving) -> Models:
    return models_for(record, scope, blobs, serving)


def models_for(record: Any, scope: Scope, blobs: FileBlobs, serving: Serving, hosts: str = "") -> Models:
    async def bind() -> Scope:
        return scope

    return Models(bind, record.app, blobs, ModelParts(serving, AllowedHosts(hosts)))


async def registered(models: Models, versions: int = 1, **fields: Any) -> list[ModelVersion]:
    """So many versions of the model `topic`."""
    return [
        await models.register("topic", **{**KIND, "parameters": {"n": n}, **fields}) for n in range(versions)
    ]


async def test_a_model_reads_back_with_all_that_was_registered(models: Models, docs: Documents):
    """S0-153, S0-156, S0-157, S0-158, S0-159, S0-161"""
    dataset = await docs.put("dataset", {"rows": 120})
    card: dict[str, Any] = {
        "display_name": "Topics of tickets",
        "description": "Which desk a ticket goes to",
        "algorithm": "logistic regression",
        "framework": "scikit-learn",
        "parameters": {"C": 1.0},
        "preprocessing_config": {"lower": True},
        "training_data": {
            "dataset_id": str(dataset.id),
            "sample_count": 120,
            "features": ["text"],
            "labels": ["billing", "other"],
            "data_quality_score": 0.97,
        },
        "performance": {
            "accuracy": 0.9,
            "precision": 0.8,
            "recall": 0.7,
            "f1_score": 0.75,
            "validation_metrics": {"log_loss": 0.3},
            "benchmark_results": {"majority": 0.6},
        },
        "deployment": {"container_image": "topics:1", "resource_requirements": {"cpu": 1}},
        "metadata": {"ticket": "ML-12"},
    }

    await models.register("topic", **KIND, **card)

    read = await models.get("topic")
    told = read.as_dict()
    assert {name: told[name] for name in card if name != "deployment"} == {
        name: value for name, value in card.items() if name != "deployment"
    }
    assert told["deployment"]["container_image"] == "topics:1"
    assert (read.version, read.stage, read.environments, read.type) == (1, "validation", (), "classification")
    assert (read.deployed_at, read.deprecated_at, str(read.created_by)) == (None, None, "user:ann")


async def test_each_registration_is_the_next_version_and_an_equal_one_is_the_same(models: Models):
    """S0-162"""
    first, second = await registered(models, 2)

    again = await models.register("topic", **KIND, parameters={"n": 1})

    assert (first.version, second.version, again.version, again.changed) == (1, 2, 2, False)
    assert [one.version for one in await models.list(versions=True)] == [2, 1]


async def test_other_weights_are_another_version(models: Models):
    first = await models.register("topic", **KIND, artifacts={"weights": b"one"})
    second = await models.register("topic", **KIND, artifacts={"weights": b"two"})

    assert (first.version, second.version) == (1, 2)


async def test_a_version_that_others_registered_meanwhile_is_not_registered_twice(models: Models):
    """S0-162"""
    await registered(models)

    with pytest.raises(AlreadyExists):
        await models.register("topic", **KIND, parameters={"n": 7}, expect=0)
    with pytest.raises(VersionConflict):
        await models.register("topic", **KIND, parameters={"n": 7}, expect=3)
    assert len(await models.list(versions=True)) == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"type": "mood"}, "type: Input should be"),
        ({"performance": {"accuracy": 1.2}}, "performance.accuracy"),
        ({"training_data": {"rows": 3}}, "training_data.rows"),
        ({"stage": "deployed"}, "cannot begin as deployed"),
        ({"stage": "ready"}, "is no stage"),
        ({"artifacts": {"../weights": b""}}, "cannot be the name of an artifact"),
        ({"artifacts": {"weights": "/nowhere/weights.bin"}}, "which is no file"),
        ({"artifacts": {"weights": "/etc"}}, "which is no file"),
        ({"deployment": {"endpoint_url": "http://10.0.0.5/"}}, "is not allowed"),
        ({"deployment": {"health_check_url": "http://169.254.169.254/"}}, "is not allowed"),
    ],
)
async def test_what_is_no_model_is_refused_and_leaves_nothing(models: Models, fields, told):
    """S0-153, S0-159, S0-160"""
    with pytest.raises(InvalidInput, match=told):
        await models.register("topic", **{**KIND, **fields})

    assert await models.list() == []


async def test_a_dataset_that_is_named_by_an_id_has_to_be_there(models: Models):
    """S0-157"""
    missing = {"dataset_id": "00000000-0000-7000-8000-000000000001"}

    with pytest.raises(NotFound, match="is no document"):
        await models.register("topic", **KIND, training_data=missing)

    assert (await models.register("topic", **KIND, training_data={"dataset_id": "tickets-2026"})).version == 1


async def test_an_artifact_round_trips_with_its_digest_from_bytes_and_from_a_file(models: Models, tmp_path):
    """S0-042, S0-160"""
    file = tmp_path / "vocabulary.txt"
    file.write_bytes(b"invoice\nrefund\n")

    made = await models.register("topic", **KIND, artifacts={"weights": b"\x00\x01", "vocabulary": file})

    assert [(one.name, one.bytes) for one in made.artifacts] == [("vocabulary", 15), ("weights", 2)]
    assert made.artifacts[1].sha256 == hashlib.sha256(b"\x00\x01").hexdigest()
    assert await models.artifact("topic@1", "vocabulary") == b"invoice\nrefund\n"
    assert await models.artifact("topic", "weights") == b"\x00\x01"


async def test_a_damaged_or_missing_artifact_is_not_given(models: Models, blobs: FileBlobs):
    """S0-042, S0-160"""
    made = await models.register("topic", **KIND, artifacts={"weights": b"right", "config": b"there"})
    config, weights = [blobs.directory / one.blob for one in made.artifacts]
    weights.chmod(0o600)
    weights.write_bytes(b"wrong")
    config.unlink()

    with pytest.raises(StorageFault, match="is damaged"):
        await models.artifact("topic", "weights")
    with pytest.raises(NotFound, match="is not in the blob store"):
        await models.artifact("topic", "config")
    with pytest.raises(NotFound, match="it has: config, weights"):
        await models.artifact("topic", "vocabulary")


async def test_a_record_that_names_another_organizations_blob_gives_nothing(
    models: Models, record: Any, scope: Scope, other_organization: Any
):
    """S0-160"""
    made = await models.register("topic", **KIND, artifacts={"weights": b"x"})
    theirs = made.artifacts[0].blob.replace(str(scope.organization), str(other_organization.id))
    await record.system.execute(
        "UPDATE octavo.model_artifact SET blob = $1 WHERE organization_id = $2", theirs, scope.organization
    )

    with pytest.raises(InvalidInput, match="names a blob that is not its own"):
        await models.artifact("topic", "weights")


async def test_a_promoted_version_serves_and_the_one_before_goes_back_to_validation(models: Models):
    """S0-155, S0-161"""
    await registered(models, 2)
    first = await models.promote("topic", 1)

    second = await models.promote("topic")

    before = await models.get("topic@1")
    assert (first.stage, first.environments) == ("deployed", ("production",))
    assert (second.version, second.stage, second.environments) == (2, "deployed", ("production",))
    assert second.deployed_at is not None
    assert (before.stage, before.environments, before.deployed_at) == ("validation", (), first.deployed_at)
    assert (await models.get("topic@production")).version == 2


async def test_a_version_stays_deployed_as_long_as_it_serves_somewhere(models: Models):
    """S0-155"""
    await registered(models, 2)
    await models.promote("topic", 1)
    await models.promote("topic", 1, environment="staging")

    await models.promote("topic", 2)
    assert ((await models.get("topic@1")).stage, (await models.get("topic@staging")).version) == (
        "deployed",
        1,
    )

    await models.withdraw("topic", environment="staging")
    assert (await models.get("topic@1")).stage == "validation"
    with pytest.raises(NotFound, match="environments with one: production"):
        await models.get("topic@staging")


async def test_a_rollback_lets_the_version_before_serve_again_and_a_second_undoes_it(models: Models):
    """S0-155"""
    await registered(models, 2)
    await models.promote("topic", 1)
    await models.promote("topic", 2)

    assert (await models.rollback("topic")).version == 1
    assert (await models.rollback("topic")).version == 2


async def test_a_rollback_needs_a_version_that_served_and_may_serve(models: Models):
    await registered(models, 2)
    await models.promote("topic", 1)
    with pytest.raises(Conflict, match="served in production before"):
        await models.rollback("topic")

    await models.promote("topic", 2)
    await models.deprecate("topic", 1)

    with pytest.raises(Conflict, match="topic@1 is in deprecated and cannot become deployed"):
        await models.rollback("topic")
    assert (await models.get("topic@production")).version == 2


async def test_the_history_tells_who_let_which_version_serve(models: Models, record: Any, scope: Scope):
    """S0-174"""
    await registered(models, 2)
    await models.promote("topic", 1)
    bob = msgspec.structs.replace(scope, origin=Origin(Actor("bob")))
    await registry.promote(record.app, bob, "topic", 2)
    await models.withdraw("topic")

    moves = await models.history("topic")

    assert [(m.environment, m.version, m.previous, str(m.moved_by)) for m in moves] == [
        ("production", None, 2, "user:ann"),
        ("production", 2, 1, "user:bob"),
        ("production", 1, None, "user:ann"),
    ]
    assert await models.history("topic", environment="staging") == []


async def test_only_stages_that_follow_are_reached(models: Models):
    """S0-155"""
    await models.register("topic", **KIND, stage="training")
    for stage in ("deprecated", "deployed", "training"):
        if stage == "training":
            assert not (await models.stage("topic", 1, stage)).changed
        else:
            with pytest.raises(Conflict, match=f"is in training and cannot become {stage}"):
                await models.stage("topic", 1, stage)  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="it has to be validated first"):
        await models.promote("topic", 1)

    await models.stage("topic", 1, "validation")
    deprecated = await models.deprecate("topic", 1)
    assert deprecated.deprecated_at is not None
    assert (await models.stage("topic", 1, "validation")).deprecated_at is None
    await models.promote("topic", 1)
    with pytest.raises(Conflict, match="it serves in production"):
        await models.deprecate("topic", 1)


async def test_what_failed_stays_failed(models: Models):
    """S0-155"""
    await registered(models)
    await models.stage("topic", 1, "failed")

    for stage in STAGES:
        if stage != "failed":
            with pytest.raises(Conflict, match="is in failed and cannot become"):
                await models.stage("topic", 1, stage)
    with pytest.raises(Conflict):
        await models.promote("topic", 1)


async def test_the_table_itself_refuses_a_stage_that_does_not_follow_and_a_deployment_of_another(
    models: Models, record: Any, scope: Scope
):
    """S0-155, S0-162"""
    (made,) = await registered(models)
    skip = """UPDATE octavo.model_version SET previous_stage = 'training', stage = 'deployed', deployed_at = now()
        WHERE organization_id = $1::octavo.organization AND model_id = $2"""
    serve = """INSERT INTO octavo.model_deployment (organization_id, model_id, environment, version, deployed_at, actor,
        actor_kind) VALUES ($1::octavo.organization, $2, 'production', 1, now(), 'ann', 'user')"""
    fall = """UPDATE octavo.model_version SET previous_stage = stage, stage = 'validation'
        WHERE organization_id = $1::octavo.organization AND model_id = $2"""

    with pytest.raises(InvalidInput, match="model_stage_follows"):
        await record.app.execute(skip, scope.organization, made.id)
    with pytest.raises(NotFound):
        await record.app.execute(serve, scope.organization, made.id)
    await models.promote("topic", 1)
    with pytest.raises(NotFound):
        await record.app.execute(fall, scope.organization, made.id)


async def test_of_many_promotions_at_once_one_version_serves_and_the_history_has_no_gap(models: Models):
    """S0-155"""
    await registered(models, 6)

    await asyncio.gather(*(models.promote("topic", version) for version in range(1, 7)))

    found = await models.list(versions=True)
    moves = await models.history("topic")
    assert [one.stage for one in found].count("deployed") == 1
    assert next(one for one in found if one.environments).version == moves[0].version
    assert [move.previous for move in moves[:-1]] == [move.version for move in moves[1:]]
    assert len(moves) == 6


async def test_of_two_who_expect_the_same_version_one_moves_the_environment(models: Models):
    await registered(models, 3)
    await models.promote("topic", 1, expect=0)

    outcomes = await asyncio.gather(
        *(models.promote("topic", version, expect=1) for version in (2, 3)), return_exceptions=True
    )

    (refused,) = [one for one in outcomes if isinstance(one, VersionConflict)]
    assert refused.fields["expected"] == 1
    assert len(await models.history("topic")) == 2


async def test_each_change_is_an_event_of_the_models_own_stream_in_order(models: Models, record: Any):
    """S0-174, S0-175, S0-189"""
    (made, _) = await registered(models, 2, performance={"accuracy": 0.9})
    await models.promote("topic", 1)
    await models.withdraw("topic")
    await models.deprecate("topic", 1)

    rows = await record.system.fetch(
        "SELECT sequence, type, version, data FROM octavo.event WHERE stream = $1 ORDER BY sequence",
        f"model-{made.id}",
    )

    assert [(row["sequence"], row["type"], row["version"]) for row in rows] == [
        (1, "model.registered", 1),
        (2, "model.registered", 2),
        (3, "model.promoted", 1),
        (4, "model.withdrawn", 1),
        (5, "model.stage_changed", 1),
    ]
    retrained = msgspec.json.decode(rows[1]["data"])
    assert (retrained["previous"], retrained["performance"]) == (1, {"accuracy": 0.9})


async def test_what_changes_nothing_is_no_event(models: Models, record: Any):
    (made,) = await registered(models)
    await models.promote("topic", 1)

    again = await models.promote("topic", 1)
    await models.register("topic", **KIND, parameters={"n": 0})

    count = "SELECT count(*) AS n FROM octavo.event WHERE stream = $1"
    assert not again.changed
    assert (await record.system.fetch(count, f"model-{made.id}"))[0]["n"] == 2


async def test_models_are_listed_by_type_stage_and_name(models: Models):
    """S0-163, S0-164, S0-165"""
    await registered(models, 2)
    await models.promote("topic", 1)
    await models.register("mood", type="sentiment")
    await models.register("mood", type="sentiment", parameters={"n": 1}, stage="training")

    async def asked(**wanted: Any) -> list[str]:
        return [one.reference for one in await models.list(**wanted)]

    assert await asked() == ["mood@2", "topic@2"]
    assert await asked(versions=True) == ["mood@2", "mood@1", "topic@2", "topic@1"]
    assert await asked(stage="deployed") == ["topic@1"]
    assert await asked(type="sentiment", stage="validation") == ["mood@1"]
    assert await asked(name="topic", versions=True) == ["topic@2", "topic@1"]
    assert await asked(after="mood") == ["topic@2"]
    assert await asked(versions=True, limit=1) == ["mood@2"]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("mood", "there is no model 'mood'"),
        ("topic@9", "has no version 9 — the newest is 1"),
        ("topic@staging", "environments with one: none"),
    ],
)
async def test_what_is_not_there_is_told_with_what_is(models: Models, model, told):
    await registered(models)

    with pytest.raises(NotFound, match=told):
        await models.get(model)


async def test_a_model_is_a_document_with_versions_and_differences(models: Models, record, organization):
    """S0-156, S0-166"""
    first, second = await registered(models, 2)
    docs = documents_for(record, organization, namespace="octavo")

    changed = await docs.diff(first.id, 1, 2)

    assert [(one.path, one.before, one.after) for one in changed] == [("/body/parameters/n", 0, 1)]
    assert (await docs.get("octavo.model", name="topic")).version == second.version


async def test_a_purge_takes_versions_environments_and_files_with_it(models: Models, record, organization):
    (made,) = await registered(models, artifacts={"weights": b"x"})
    await models.promote("topic", 1)
    docs = documents_for(record, organization, namespace="octavo")

    await docs.purge(made.id)

    for table in ("model_version", "model_artifact", "model_deployment"):
        left = f"SELECT count(*) AS n FROM octavo.{table} WHERE model_id = $1"
        assert (await record.system.fetch(left, made.id))[0]["n"] == 0, table
    assert await models.list() == []


async def test_a_deleted_model_serves_nobody(models: Models, serving: Serving, record, organization, scope):
    (made,) = await registered(models)
    await models.promote("topic", 1)

    await documents_for(record, organization, namespace="octavo").delete(made.id)

    with pytest.raises(NotFound):
        await serving.use(scope, "topic@production")


async def test_a_step_is_given_what_serves_with_the_files_of_it(
    models: Models, serving: Serving, scope: Scope
):
    await models.register("topic", **KIND, artifacts={"weights": b"one"})
    await models.promote("topic", 1)
    first = await serving.use(scope, "topic")

    await models.register("topic", **KIND, artifacts={"weights": b"two"})
    await models.promote("topic", 2)
    second = await serving.use(scope, "topic@production")

    assert (str(first), str(second)) == ("topic@1", "topic@2")
    assert content(first) == b"one"
    assert content(second) == b"two"
    assert str(await serving.use(scope, "topic@1")) == "topic@1"


async def test_copies_of_files_are_made_once_and_vanish_at_the_end(
    models: Models, serving: Serving, scope: Scope
):
    await models.register("topic", **KIND, artifacts={"weights": b"one"})
    await models.promote("topic")

    used = await asyncio.gather(*(serving.use(scope, "topic") for _ in range(8)))

    (path,) = {Path(one.files["weights"]) for one in used}
    assert [file.name for file in path.parent.iterdir()] == [hashlib.sha256(b"one").hexdigest()]
    await serving.close()
    assert not path.exists()


async def test_a_step_may_not_use_what_is_in_training_failed_or_serves_nowhere(
    models: Models, serving: Serving, scope: Scope
):
    await models.register("topic", **KIND, stage="training")

    with pytest.raises(NotFound, match="is in training, and no step may use it"):
        await serving.use(scope, "topic@1")
    with pytest.raises(NotFound, match="serves in 'production'"):
        await serving.use(scope, "topic")
    with pytest.raises(NotFound, match="has no version 2"):
        await serving.use(scope, "topic@2")


async def test_a_name_that_the_registry_does_not_know_is_taken_as_it_is(serving: Serving, scope: Scope):
    assert str(await serving.use(scope, "gpt-x")) == "gpt-x"
    assert str(await serving.use(scope, "gpt-x@2026-05")) == "gpt-x@2026-05"
    with pytest.raises(NotFound):
        await serving.use(scope, "topic@production")


async def test_two_versions_are_compared_on_the_documents_that_both_have_judged(
    models: Models, docs: Documents, record: Any, scope: Scope
):
    await registered(models, 2)
    results = results_for(record, scope)
    said = [("a", "a", "a"), ("a", "b", "b"), ("a", "b", "a"), ("b", "b", "b"), ("a", None, "a")]
    made = []
    for before, after, truth in said:
        doc = await docs.put("ticket", {"review": {"topic": truth}, "n": len(made)})
        made.append(doc.id)
        for label, model in ((before, "topic@1"), (after, "topic@2")):
            if label is not None:
                await results.put(doc.id, "classification", classified(label), model=model)

    found = await models.compare("topic", 1, 2, truth="review.topic", changed=1)

    assert (found.documents, found.agreeing, found.agreement) == (4, 2, 0.5)
    assert [(pair.before, pair.after, pair.documents) for pair in found.pairs if not pair.agrees] == [
        ("a", "b", 2)
    ]
    assert [(one.document_id, one.before, one.after) for one in found.changed] == [(made[2], "a", "b")]
    assert found.judged_before is not None
    assert found.judged_after is not None
    assert (found.judged_before.accuracy, found.judged_after.accuracy) == (0.75, 0.75)
    assert [(one.label, one.recall) for one in found.judged_after.labels] == [("a", 0.5), ("b", 1.0)]


async def test_summaries_agree_when_they_are_equal(models: Models, docs: Documents, record, scope):
    await registered(models, 2, type="summarization")
    results = results_for(record, scope)
    for n, (before, after) in enumerate([("x", "x"), ("x", "y")]):
        doc = await docs.put("ticket", {"n": n})
        await results.put(doc.id, "summarization", {"summary": before, "ratio": 0.1}, model="topic@1")
        await results.put(doc.id, "summarization", {"summary": after, "ratio": 0.1}, model="topic@2")

    found = await models.compare("topic", 1, 2)

    assert (found.documents, found.agreeing, found.judged_before) == (2, 1, None)


async def test_a_comparison_needs_versions_that_are_there_and_a_field(models: Models):
    await registered(models)

    with pytest.raises(NotFound):
        await models.compare("topic", 1, 2)
    with pytest.raises(InvalidInput, match="is no field of a body"):
        await models.compare("topic", 1, 1, truth="@type")


async def test_a_result_of_a_version_that_serves_no_more_is_stale(
    models: Models, docs: Documents, record: Any, scope: Scope
):
    """S0-131"""
    await registered(models, 2)
    results = results_for(record, scope)
    doc = await docs.put("ticket", {})
    await models.promote("topic", 1)
    stored = await results.put(doc.id, "classification", classified("a"), model="topic@1")
    assert stored.stale == ()

    await models.promote("topic", 2)
    assert (await results.get(stored.id)).stale == ("model",)

    await models.rollback("topic")
    assert (await results.get(stored.id)).stale == ()


async def test_no_call_gives_models_of_another_organization(
    models: Models, record: Any, other_organization: Any, blobs: FileBlobs, serving: Serving
):
    await registered(models, artifacts={"weights": b"secret"})
    await models.promote("topic")
    scope = scope_for(record, other_organization)
    theirs = models_for(record, scope, blobs, serving)

    assert await theirs.list(versions=True) == []
    for call in (
        theirs.get("topic"),
        theirs.get("topic@production"),
        theirs.artifact("topic@1", "weights"),
        theirs.promote("topic", 1),
        theirs.rollback("topic"),
        theirs.withdraw("topic"),
        theirs.deprecate("topic", 1),
        theirs.history("topic"),
        theirs.compare("topic", 1, 1),
    ):
        with pytest.raises(NotFound):
            await call
    assert str(await serving.use(scope, "topic")) == "topic"
    assert (await theirs.register("topic", type="sentiment")).version == 1
    assert (await models.get("topic@production")).type == "classification"


def content(used: UsedModel) -> bytes:
    return Path(used.files["weights"]).read_bytes()


def results_for(record: Any, scope: Scope) -> Results:
    async def bind() -> Scope:
        return scope

    return Results(bind, record.app)


def classified(label: str) -> dict[str, Any]:
    return {"predicted_category": label, "confidence": 0.9, "category_scores": {label: 0.9}}


class Door:
    """Answers on a free port of this machine with what it is told to."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.headers = ""
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            f"HTTP/1.1 {self.status}\r\n{self.headers}content-length: 0\r\nconnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()


@pytest.fixture
async def door():
    made = Door()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


@pytest.fixture
async def remote(record: Any, scope: Scope, blobs: FileBlobs, serving: Serving, door: Door) -> Models:
    """A model that serves in production and has a door to be asked at."""
    found = models_for(record, scope, blobs, serving, hosts=f"127.0.0.1:{door.port}")
    url = f"http://127.0.0.1:{door.port}/health"
    await found.register("remote", type="sentiment", deployment={"health_check_url": url})
    await found.promote("remote")
    return found


async def test_the_health_of_what_serves_is_asked_and_its_changes_are_events(remote, door, record, scope):
    """S0-159"""
    (well,) = await remote.check()
    door.status = "503 Service Unavailable"
    (ill,) = await remote.check("remote")
    (again,) = await remote.check()

    assert (well.is_healthy, well.told, well.version) == (True, "it answers 200", 1)
    assert (ill.is_healthy, again.is_healthy) == (False, False)
    assert "503" in ill.told
    told = "SELECT data ->> 'healthy' AS healthy FROM octavo.event WHERE type = 'model.health_changed'"
    rows = await record.system.fetch(f"{told} AND organization_id = $1 ORDER BY sequence", scope.organization)
    assert [row["healthy"] for row in rows] == ["true", "false"]


async def test_a_health_check_follows_no_redirection_to_a_host_that_is_not_allowed(remote, door):
    """S0-159"""
    door.status = "302 Found"
    door.headers = "location: http://169.254.169.254/latest/meta-data\r\n"

    (told,) = await remote.check()

    assert not told.is_healthy
    assert "is not allowed" in told.told


async def test_a_host_that_is_allowed_no_more_is_not_asked(record, scope, blobs, serving, remote):
    """S0-159"""
    (told,) = await models_for(record, scope, blobs, serving, hosts="").check()

    assert (told.is_healthy, "is not allowed" in told.told) == (False, True)


async def test_what_does_not_serve_or_has_no_url_is_not_asked(models: Models):
    await registered(models)
    await models.promote("topic")

    assert await models.check() == []
