"""What an organization may use: models, and how many documents in a batch."""

from __future__ import annotations

import uuid

import pytest

from octavo.errors import InvalidInput, LimitExceeded, ModelNotAllowed


@pytest.fixture
async def named(db):
    """A new organization by its name, with the pipeline `double`."""
    name = f"allowed-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    await db.organization(name).pipelines.put("double", [{"component": "double"}])
    return name


async def test_models_that_an_organization_allows_are_set_shown_and_kept_to(db, named):
    """S4-050"""
    acme = db.organization(named)
    await acme.pipelines.put("wild", [{"component": "spend", "config": {"model": "large"}}])

    limits = await db.organizations.configure(named, allowed_models=["small", "mini", "small"])

    assert limits.allowed_models == ("mini", "small")
    with pytest.raises(ModelNotAllowed, match="does not allow the model 'large'"):
        await acme.pipelines.put("other", [{"component": "spend", "config": {"model": "large"}}])
    run = await acme.pipelines.run("wild")
    assert (run.state, run.error["code"]) == ("dead", "model_not_allowed")
    assert (await db.organizations.configure(named, allowed_models=None)).allowed_models is None
    assert (await acme.pipelines.run("wild")).state == "completed"


async def test_an_organization_may_allow_no_model_at_all(db, named):
    assert (await db.organizations.configure(named, allowed_models=[])).allowed_models == ()

    with pytest.raises(ModelNotAllowed, match="it allows none"):
        await db.organization(named).pipelines.put("p", [{"component": "spend"}])


@pytest.mark.parametrize("wrong", ["small", ["large@3"], [""]])
async def test_what_names_no_models_is_refused(db, named, wrong):
    with pytest.raises(InvalidInput):
        await db.organizations.configure(named, allowed_models=wrong)


async def test_more_models_than_may_be_named_are_refused(db, named):
    with pytest.raises(LimitExceeded, match="1001 models"):
        await db.organizations.configure(named, allowed_models=[f"m{n}" for n in range(1_001)])


async def test_a_batch_beyond_the_size_that_is_allowed_is_refused_as_a_whole(db, named):
    """S4-049"""
    acme = db.organization(named)
    documents = await acme.documents.put_many([{"type": "note", "body": {"n": n}} for n in range(51)])
    ids = [document.id for document in documents]
    await db.organizations.configure(named, max_batch_size=50)

    with pytest.raises(LimitExceeded, match="a batch of 51 documents is more than the 50") as refused:
        await acme.batches.start("double", ids)
    with pytest.raises(LimitExceeded, match="51 or more documents"):
        await acme.batches.start("double", type="note")

    assert (refused.value.fields["limit"], refused.value.fields["actual"]) == (50, 51)
    assert ((await acme.batches.list()).batches, (await acme.runs.list()).runs) == ([], [])
    assert (await acme.batches.start("double", ids[:50], key="k")).runs == 50
    assert (await acme.batches.start("double", type="note", where={"n": {"$lt": 50}})).runs == 50


async def test_a_batch_that_is_there_is_given_though_it_would_be_too_large_now(db, named):
    acme = db.organization(named)
    documents = await acme.documents.put_many([{"type": "note", "body": {"n": n}} for n in range(3)])
    ids = [document.id for document in documents]
    batch = await acme.batches.start("double", ids, key="k")
    await db.organizations.configure(named, max_batch_size=2)

    again = await acme.batches.start("double", ids, key="k")

    assert (again.id, again.changed) == (batch.id, False)


async def test_a_batch_size_that_is_none_is_refused(db, named):
    with pytest.raises(InvalidInput, match="give 1 or more"):
        await db.organizations.configure(named, max_batch_size=0)
