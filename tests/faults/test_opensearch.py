"""A search engine in a cluster that misbehaves: late, refusing, half done, taken away, filled by two."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import aiohttp
import pytest
from uuid_utils.compat import uuid7

from octavo.engines.search.opensearch import OpenSearchEngine
from octavo.errors import AccessDenied, Conflict, OctavoError, StorageFault, Unavailable
from octavo.postgres.record import Record
from octavo.roles.state import NO_DOCUMENT, Cursor, Parked, Removed, bucket
from octavo.store import organizations
from octavo.testing.search_engine import Library
from octavo.values.login import Login
from octavo.values.position import Position
from tests.faults.clusters import Cluster, Gate, answer_of, changed
from tests.opensearch import opensearch_server

_prefixes = count(1)


@pytest.fixture(scope="module")
def behind() -> Iterator[str]:
    """A cluster that behaves."""
    with opensearch_server() as host:
        yield host


@pytest.fixture
async def cluster(behind: str) -> AsyncIterator[Cluster]:
    """One that does not."""
    async with Cluster(behind).listening() as listening:
        yield listening


@pytest.fixture
def url(cluster: Cluster) -> str:
    """A place of its own in it."""
    return f"opensearch://{cluster.host}/test-{next(_prefixes)}"


@pytest.fixture
async def engine(record: Record, url: str) -> AsyncIterator[OpenSearchEngine]:
    engine = OpenSearchEngine(record, url)
    yield engine
    await engine.close()


@pytest.fixture
async def library(record: Record, engine: OpenSearchEngine) -> Library:
    organization = await organizations.create(record.system, f"library-{uuid7().hex}")
    return Library(record, engine, organization.id)


def _moved(cursor: Cursor, epoch: int = 1) -> Cursor:
    return Cursor(cursor.generation, Position(cursor.position.shard, epoch, 7, 7))


async def _kept(library: Library, error: type[OctavoError], of: str) -> OctavoError:
    """The error of a load that the cluster refuses, and which leaves the cursor where it was."""
    before = await library.engine.position()
    change = library.searchable(uuid7(), of)
    with pytest.raises(error) as raised:
        await library.engine.apply([change], before, _moved(before))
    assert isinstance(library.engine, OpenSearchEngine)
    return raised.value


async def _indexes(host: str, url: str) -> dict[str, Any]:
    prefix = url.rpartition("/")[2].partition("?")[0]
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}/{prefix}-*") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def test_a_load_is_visible_before_the_cursor_moves(library: Library, cluster: Cluster) -> None:
    before = await library.engine.position()
    cluster.asked.clear()

    await library.engine.apply([library.searchable(uuid7(), "a refund")], before, _moved(before))

    assert [one.rpartition("/")[2] for one in cluster.asked[-3:]] == ["_bulk", "_refresh", "_bulk"]


async def test_what_cannot_be_made_visible_is_not_taken_for_done(library: Library, cluster: Cluster) -> None:
    before = await library.engine.position()
    cluster.rule = changed(
        "_refresh", lambda answer: answer["_shards"].update(failed=1, failures=[{"reason": {"type": "x"}}])
    )

    await _kept(library, Unavailable, "a refund")

    cluster.rule = None
    assert await library.engine.position() == before


async def test_an_item_that_is_refused_for_now_is_tried_again_with_its_whole_load(
    library: Library, cluster: Cluster
) -> None:
    before = await library.engine.position()
    document = await library.documents.put("article", {})
    cluster.refuse_items(429, "opensearch_rejected_execution_exception", "overload")

    with pytest.raises(Unavailable, match="too much to do"):
        await library.engine.apply([library.searchable(document.id, "overload")], before, _moved(before))
    cluster.rule = None
    assert await library.engine.position() == before

    await library.engine.apply([library.searchable(document.id, "overload")], before, _moved(before))
    assert await library.ids("overload") == [document.id]


async def test_a_document_that_the_cluster_will_never_take_is_parked_and_the_others_go_on(
    library: Library, cluster: Cluster
) -> None:
    good, bad = await library.add("refund"), await library.add("refund")
    before = await library.engine.position()

    def refuse(answer: Any) -> None:
        for item in answer["items"]:
            if item["index"]["_id"].endswith(bad.hex):
                item["index"].update(
                    status=400, error={"type": "mapper_parsing_exception", "reason": "secret"}
                )
        cluster.rule = None

    cluster.rule = changed("_bulk", lambda answer: refuse(answer) if len(answer["items"]) > 1 else None)
    changes = [library.searchable(id, "a new refund", version=2) for id in (good, bad)]
    parked = await library.engine.apply(changes, before, _moved(before))

    assert [(one.id, one.version, one.code) for one in parked] == [(bad, 2, "refused")]
    assert "mapper_parsing_exception" in parked[0].message
    assert "secret" not in parked[0].message
    assert await library.ids("refund") == [good]
    assert await library.engine.parked(library.organization) == parked


async def test_a_request_that_is_too_large_is_divided_and_a_document_that_is_is_parked(
    library: Library, cluster: Cluster
) -> None:
    small = [await library.add("a refund") for _ in range(4)]
    large = await library.add("a refund")

    async def rule(request: Any, _: Any) -> Any:
        text = await request.text()
        is_too_large = text.count("\n") > 4 or "gigantic" in text
        return aiohttp.web.Response(status=413) if "_bulk" in request.path and is_too_large else None

    cluster.rule = rule
    changes = [library.searchable(id, "small change", version=2) for id in small]
    parked = await library.apply([*changes, library.searchable(large, "gigantic", version=2)])

    assert [one.id for one in parked] == [large]
    assert set(await library.ids("change")) == set(small)


async def test_a_cluster_that_is_gone_is_told_and_found_again(library: Library, cluster: Cluster) -> None:
    id = await library.add("refund")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens, so whoever asks is refused
        gone = OpenSearchEngine(library.record, f"opensearch://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(Unavailable, match="cannot be reached — see whether it runs"):
            await gone.position()
        await gone.close()

    assert await library.ids("refund") == [id]


async def test_another_node_answers_for_one_that_is_gone(
    library: Library, cluster: Cluster, record: Record, url: str
) -> None:
    id = await library.add("refund")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{nobody.getsockname()[1]}"
        both = OpenSearchEngine(record, url.replace(cluster.host, f"{dead},{cluster.host}"))
        found = [await Library(record, both, library.organization).ids("refund") for _ in range(3)]
        await both.close()

    assert found == [[id]] * 3


async def test_a_cluster_that_does_not_answer_is_told(library: Library, cluster: Cluster, url: str) -> None:
    await library.engine.position()
    gate = Gate()
    cluster.rule = gate.before("")
    impatient = OpenSearchEngine(library.record, f"{url}?timeout=0.2")

    with pytest.raises(Unavailable, match="has not answered in time — see how busy it is"):
        await impatient.position()

    assert gate.reached.is_set()
    gate.opened.set()
    await impatient.close()


async def test_a_wrong_login_is_told_without_the_password(record: Record, cluster: Cluster, url: str) -> None:
    cluster.refuse("", 401, "security_exception", "s3cret")
    engine = OpenSearchEngine(record, url, Login("octavo", "s3cret"))

    with pytest.raises(AccessDenied, match="engine_logins") as raised:
        await engine.position()

    assert "s3cret" not in str(raised.value)
    await engine.close()


async def test_a_login_is_sent(record: Record, cluster: Cluster, url: str) -> None:
    sent: list[str | None] = []

    async def rule(request: Any, _: Any) -> None:
        sent.append(request.headers.get("Authorization"))

    cluster.rule = rule
    engine = OpenSearchEngine(record, url, Login("octavo", "s3cret"))
    await engine.position()
    await engine.close()

    assert set(sent) == {aiohttp.encode_basic_auth("octavo", "s3cret")}


@pytest.mark.parametrize(
    ("status", "kind", "reason", "error", "told"),
    [
        (429, "cluster_block_exception", "disk usage exceeded flood-stage", Unavailable, "has no disk left"),
        (403, "cluster_block_exception", "FORBIDDEN/8/index write (api)", Unavailable, "a block is set"),
        (429, "circuit_breaking_exception", "", Unavailable, "too much to do"),
        (503, "cluster_manager_not_discovered_exception", "", Unavailable, "_cluster/health"),
        (403, "security_exception", "", AccessDenied, "refuses the login"),
        (400, "illegal_argument_exception", "", StorageFault, "refuses a request"),
    ],
    ids=["full disk", "blocked", "no memory", "red", "not allowed", "not understood"],
)
async def test_what_a_cluster_refuses_is_told_with_the_way_out(
    library: Library,
    cluster: Cluster,
    status: int,
    kind: str,
    reason: str,
    error: type[OctavoError],
    told: str,
) -> None:
    before = await library.engine.position()
    cluster.refuse("_bulk", status, kind, f"{reason} a secret value")

    raised = await _kept(library, error, "a refund")

    assert told in str(raised)
    assert "secret" not in str(raised)
    cluster.rule = None
    assert await library.engine.position() == before


async def test_an_answer_without_a_part_of_the_index_is_no_answer(library: Library, cluster: Cluster) -> None:
    await library.add("refund")
    cluster.rule = changed("_search", lambda answer: answer["_shards"].update(failed=1))

    with pytest.raises(Unavailable):
        await library.search("refund")


async def test_something_else_at_the_address_is_told(library: Library, cluster: Cluster) -> None:
    cluster.rule = answer_of("<html>It works!</html>", "text/html")

    with pytest.raises(Unavailable, match="no answer of OpenSearch"):
        await library.search("refund")


async def test_who_was_overtaken_changes_nothing_any_more(
    library: Library, cluster: Cluster, record: Record, url: str
) -> None:
    kept, removed = await library.add("refund"), await library.add("refund")
    before = await library.engine.position()
    gate = Gate()
    cluster.rule = gate.before("_bulk", containing="outdated")
    outdated = [library.searchable(kept, "outdated", version=2), Removed(library.organization, removed)]

    late = asyncio.create_task(library.engine.apply(outdated, before, _moved(before)))
    await gate.reached.wait()
    other = OpenSearchEngine(record, url)
    newer = [library.searchable(id, "newer", version=3) for id in (kept, removed)]
    await other.apply(newer, before, _moved(before, epoch=2))
    gate.opened.set()

    with pytest.raises(Conflict):
        await late
    assert set(await library.ids("newer")) == {kept, removed}
    assert await library.ids("outdated") == []
    assert await other.position() == _moved(before, epoch=2)
    await other.close()


async def test_a_document_that_was_purged_and_made_anew_begins_at_version_one_again(library: Library) -> None:
    changed, removed, parked = [await library.add("refund") for _ in range(3)]
    await library.apply([library.searchable(id, "old", version=5) for id in (changed, removed, parked)])
    await library.remove(removed)
    await library.apply(
        [Parked(organization=library.organization, id=parked, version=6, code="unreadable", message="no")]
    )

    await library.apply([library.searchable(id, "new", version=1) for id in (changed, removed, parked)])

    assert set(await library.ids("new")) == {changed, removed, parked}
    assert await library.ids("old") == []
    for id in (changed, removed, parked):
        assert (await library.engine.held(library.organization, bucket(id)))[id] == 1


async def test_what_was_erased_can_be_written_again(library: Library) -> None:
    id = await library.add("refund")
    await library.engine.erase(library.organization, [id])

    await library.apply([library.searchable(id, "refund")])

    assert await library.ids("refund") == [id]


async def test_an_index_that_was_deleted_is_another_generation_to_be_filled_from_the_start(
    library: Library, behind: str, url: str
) -> None:
    await library.add("refund")
    before = await library.engine.position()
    async with aiohttp.ClientSession() as session:
        for index in await _indexes(behind, url):
            await session.delete(f"http://{behind}/{index}")

    after = await library.engine.position()

    assert after.generation != before.generation
    assert after.scanned == NO_DOCUMENT
    assert await library.ids("refund") == []


async def test_a_search_goes_on_in_the_index_that_took_the_place_of_another(
    library: Library, cluster: Cluster, record: Record, url: str
) -> None:
    await library.add("refund")
    gate = Gate()
    cluster.rule = gate.before("_search")

    searching = asyncio.create_task(library.search("refund"))
    await gate.reached.wait()
    other = OpenSearchEngine(record, url)
    begun = await other.reset()
    gate.opened.set()

    found = await searching
    assert (list(found.matches), found.cursor) == ([], begun)
    await other.close()


async def test_an_index_that_goes_while_it_is_written_is_not_made_by_the_write(
    library: Library, cluster: Cluster, behind: str, url: str
) -> None:
    before = await library.engine.position()
    gate = Gate()
    cluster.rule = gate.before("_bulk", containing="refund")

    late = asyncio.create_task(
        library.engine.apply([library.searchable(uuid7(), "refund")], before, _moved(before))
    )
    await gate.reached.wait()
    other = OpenSearchEngine(library.record, url)
    begun = await other.reset()
    gate.opened.set()

    with pytest.raises(Conflict):
        await late
    assert len(await _indexes(behind, url)) == 1
    assert await library.engine.position() == begun
    await other.close()


async def test_what_a_former_life_of_the_record_left_goes_when_the_present_one_begins(
    library: Library, behind: str, url: str
) -> None:
    await library.engine.position()
    [present] = await _indexes(behind, url)
    record, _, _ = present.removesuffix("-first").rpartition("-")
    async with aiohttp.ClientSession() as session:
        await session.delete(f"http://{behind}/{present}")
        await session.put(f"http://{behind}/{record}-0-first")
        await session.put(f"http://{behind}/{record}5-1-first")

    await library.engine.position()

    assert set(await _indexes(behind, url)) == {present, f"{record}5-1-first"}


async def test_what_is_dropped_leaves_nothing(library: Library, behind: str, url: str) -> None:
    await library.add("refund")
    assert isinstance(library.engine, OpenSearchEngine)

    await library.engine.drop()

    assert await _indexes(behind, url) == {}


async def test_shards_and_replicas_are_those_of_the_setting(record: Record, behind: str, url: str) -> None:
    """S1-104: settings are read back."""
    place = f"opensearch://{behind}/{url.rpartition('/')[2]}?shards=3&replicas=1"
    engine = OpenSearchEngine(record, place)
    await engine.position()
    await engine.close()

    [found] = (await _indexes(behind, place)).values()

    settings = found["settings"]["index"]
    assert (settings["number_of_shards"], settings["number_of_replicas"]) == ("3", "1")


async def test_a_large_load_goes_in_requests_of_bounded_size(
    record: Record, cluster: Cluster, url: str
) -> None:
    sizes: list[int] = []

    async def rule(request: Any, _: Any) -> None:
        if request.path.endswith("_bulk"):
            sizes.append(len(await request.read()))

    engine = OpenSearchEngine(record, f"{url}?bulk_bytes=20000")
    organization = await organizations.create(record.system, f"library-{uuid7().hex}")
    library = Library(record, engine, organization.id)
    before = await engine.position()
    cluster.rule = rule
    changes = [library.searchable(uuid7(), "a refund of the house") for _ in range(200)]
    await engine.apply(changes, before, _moved(before))
    await engine.close()

    assert max(sizes) < 40_000
    assert sum(sizes) > 100_000


async def test_words_are_those_of_ones_own_organization(library: Library, record: Record) -> None:
    await library.add("a refund")
    other = await organizations.create(record.system, f"library-{uuid7().hex}")
    theirs = Library(record, library.engine, other.id)
    await theirs.add("a remarkable refund")

    assert await library.engine.vocabulary(library.organization, ["r"]) == {"refund": 1}
    assert await theirs.engine.vocabulary(other.id, ["rem", "x."]) == {"remarkable": 1}
