"""How a setting names a cluster of OpenSearch."""

from __future__ import annotations

import pytest

from octavo.engines.search.choice import address, lease_name
from octavo.engines.search.opensearch_address import parse
from octavo.errors import InvalidSetting


def test_port_and_prefix_may_be_left_out():
    found = parse("opensearch://localhost")

    assert (found.hosts, found.prefix, found.tls) == ((("localhost", 9200),), "octavo", False)


def test_several_nodes_tls_prefix_and_options_are_read():
    found = parse("opensearchs://one.example:9201,[::1],10.0.0.3/acme?shards=3&replicas=2&timeout=1.5")

    assert found.hosts == (("one.example", 9201), ("::1", 9200), ("10.0.0.3", 9200))
    assert (found.tls, found.prefix) == (True, "acme")
    assert (found.tuning.shards, found.tuning.replicas, found.tuning.timeout) == (3, 2, 1.5)
    assert found.name == "one.example:9201, [::1]:9200, 10.0.0.3:9200"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("opensearch:", "names no cluster"),
        ("opensearch:/index", "names no cluster"),
        ("opensearch://", "names no host"),
        ("opensearch://localhost:many", "no valid port"),
        ("opensearch://localhost:99999", "no valid port"),
        ("opensearch://me:secret@localhost", "holds a login"),
        ("opensearch://search.example", "in the clear"),
        ("opensearch://localhost,search.example", "in the clear"),
        ("opensearch://localhost/Upper", "has the prefix"),
        ("opensearch://localhost/a/b", "has the prefix"),
        ("opensearch://localhost?shards=0", "shards"),
        ("opensearch://localhost?sharts=3", "sharts"),
    ],
)
def test_what_names_no_cluster_is_refused_with_the_way_out(url: str, told: str):
    with pytest.raises(InvalidSetting, match=told) as raised:
        address(url)

    assert raised.value.remedy
    assert "secret" not in str(raised.value)


def test_a_far_cluster_may_be_spoken_to_in_the_clear_when_it_is_said():
    assert parse("opensearch://search.example?plain=true").tuning.plain


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("opensearch://localhost", "opensearch://localhost:9200/octavo"),
        ("opensearchs://B,a:1/x?replicas=0&ca=c", "opensearchs://b:9200,a:1/x?ca=c&replicas=0"),
        ("elasticsearchs://search.example/x", "elasticsearchs://search.example:9200/x"),
    ],
)
def test_a_place_has_one_spelling(url: str, spelt: str):
    assert address(url) == spelt
    assert address(spelt) == spelt


def test_the_lease_is_that_of_the_place_however_it_is_spoken_to():
    one = lease_name("opensearch://localhost/x?timeout=1")

    assert lease_name("opensearchs://localhost:9200/x?shards=2") == one
    assert lease_name("opensearch://localhost/y") != one
