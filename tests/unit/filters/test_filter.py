"""Filters: what is understood, and how what is not is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from octavo.errors import InvalidFilter
from octavo.values.condition import Attribute, Condition, Either, Every, Field, Not
from octavo.values.filter import parse

STATUS = Field("body", ("status",), "status")
ID = UUID("01a1fdcc-10eb-7164-90cb-ba307d0e2372")


@pytest.mark.parametrize(
    ("where", "root"),
    [
        ({}, Every(())),
        ({"status": "draft"}, Condition(STATUS, "eq", "draft")),
        ({"status": {"$ne": "draft"}}, Not(Condition(STATUS, "eq", "draft"))),
        ({"status": {"$in": ("a", "b")}}, Condition(STATUS, "in", ["a", "b"])),
        ({"status": {"of": "x"}}, Condition(STATUS, "eq", {"of": "x"})),
        ({"status": {"$exists": False}}, Not(Condition(STATUS, "exists", None))),
        ({"status": {"$not": {"$gt": 5}}}, Not(Condition(STATUS, "gt", 5))),
        ({"status": {"$gt": 1, "$lte": 5}}, Every((Condition(STATUS, "gt", 1), Condition(STATUS, "lte", 5)))),
        ({"status": {"$regex": "^a", "$options": "si"}}, Condition(STATUS, "regex", ["^a", "is"])),
        (
            {"$or": [{"status": 1}, {"status": 2}]},
            Either((Condition(STATUS, "eq", 1), Condition(STATUS, "eq", 2))),
        ),
        ({"$nor": [{"status": 1}]}, Not(Either((Condition(STATUS, "eq", 1),)))),
        ({"status": Decimal("1.50")}, Condition(STATUS, "eq", "1.50")),
        ({"status": datetime(2026, 1, 2, tzinfo=UTC)}, Condition(STATUS, "eq", "2026-01-02T00:00:00Z")),
        ({"@id": str(ID)}, Condition(Attribute("@id"), "eq", ID)),
        ({"@name": None}, Not(Condition(Attribute("@name"), "exists", None))),
        (
            {"@created_at": {"$gte": "2026-01-02T03:00:00+02:00"}},
            Condition(Attribute("@created_at"), "gte", datetime.fromisoformat("2026-01-02T03:00:00+02:00")),
        ),
    ],
)
def test_a_filter_becomes_a_tree(where, root):
    assert parse(where).root == root


@pytest.mark.parametrize(
    ("name", "source", "path"),
    [
        ("address.city", "body", ("address", "city")),
        ("a\\.b", "body", ("a.b",)),
        ("\\@id", "body", ("@id",)),
        ("a\\\\b", "body", ("a\\b",)),
        ("@metadata.level.of", "metadata", ("level", "of")),
        ("@metadata", "metadata", ()),
    ],
)
def test_a_name_is_a_path(name, source, path):
    (condition,) = parse({name: 1}).conditions

    assert condition.subject == Field(source, path, name)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"status": {"$equals": 1}}, ["'$equals'", "did you mean"]),
        ({"status": {"$gte ": 1}}, ["'$gte '", "did you mean $gte?"]),
        ({"status": {"$zzz": 1}}, ["'$zzz'", "operators are $and $or $nor $eq"]),
        ({"$xor": []}, ["'$xor'", "did you mean $"]),
        ({"$gt": 5}, ["$gt stands without a field"]),
        ({"@colour": "red"}, ["'@colour'", "attributes are @id @name @namespace @type @version"]),
        ({"@creatd_at": 1}, ["'@creatd_at'", "did you mean @created_at?"]),
        ({"@type": 5}, ["@type", "5", "give a string"]),
        ({"@version": "3"}, ["@version", "'3'", "an integer"]),
        ({"@version": True}, ["@version", "True", "an integer"]),
        ({"@id": "x"}, ["@id", "'x'", "a UUID"]),
        ({"@created_at": "yesterday"}, ["@created_at", "'yesterday'", "a time with its zone"]),
        ({"@created_at": datetime(2026, 1, 1)}, ["@created_at", "a time with its zone"]),  # noqa: DTZ001  # the naive one is refused
        ({"@created_by": "user:ann"}, ["'user:ann'", "write 'ann'"]),
        ({"@name": ""}, ["@name is never empty", "null"]),
        ({"@name": {"$nin": ["a", ""]}}, ["@name is never empty"]),
        ({"@version": {"$prefix": "1"}}, ["@version is no text", "$prefix"]),
        ({"@version": {"$exists": True}}, ["@version is never null"]),
        ({"@id": {"$gt": str(ID)}}, ["@id has no order"]),
        ({"@type": {"$contains": "a"}}, ["@type holds no JSON"]),
        ({"status": {"$gt": None}}, ["status", "$gt has None", "numbers and strings"]),
        ({"status": {"$gt": True}}, ["status", "$gt has True"]),
        ({"status": {"$in": "draft"}}, ["status", "$in has 'draft'", "give a list"]),
        ({"status": {"$in": list(range(1_001))}}, ["1001 values", "limit is 1000"]),
        ({"status": {"$exists": 1}}, ["$exists has 1", "true or false"]),
        ({"status": {"$all": []}}, ["$all has no operand"]),
        ({"status": {"$prefix": 5}}, ["$prefix has 5", "give a string"]),
        ({"status": {"$regex": "a" * 1_001}}, ["1001 characters", "limit is 1000"]),
        ({"status": {"$regex": "a", "$options": "g"}}, ["$options has 'g'", "i, s and m"]),
        ({"status": {"$options": "i"}}, ["$options stands without $regex"]),
        ({"status": {"$not": 5}}, ["$not has 5"]),
        ({"status": {"$gt": 1, "of": 2}}, ["status", "'of'", "side by side"]),
        ({"status": float("nan")}, ["status", "nan"]),
        ({"status": "a\x00b"}, ["status", "U+0000"]),
        ({"status": "\ud800"}, ["status", "JSON"]),
        ({"\ud800": 1}, ["cannot be written as JSON"]),
        ({"status": "x" * 1_100_000}, ["status", "1100002 bytes", "limit is 1048576"]),
        ({"status": [[0] * 701]}, ["status", "701 elements"]),
        ({"status..of": 1}, ["'status..of'", "path"]),
        ({"": 1}, ["''", "path"]),
        ({"a" * 1_001: 1}, ["1001 characters"]),
        ({5: 1}, ["5", "names are strings"]),
        ({"$or": {}}, ["$or has {}", "list"]),
        ({"$or": []}, ["$or has []", "at least one"]),
        ({"$and": [5]}, ["a part of $and is 5", "not an object"]),
        ([], ["the filter is []", "not an object"]),
        ({"$or": [{"a": n} for n in range(101)]}, ["101 conditions", "limit is 100"]),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_value_and_the_way_out(where, words):
    """S0-258"""
    with pytest.raises(InvalidFilter) as refused:
        parse(where)

    for word in words:
        assert word in str(refused.value)


def test_a_filter_is_nested_ten_levels_deep_at_most():
    where: dict[str, object] = {"a": 1}
    for _ in range(9):
        where = {"$and": [where]}

    assert len(parse(where).conditions) == 1
    with pytest.raises(InvalidFilter, match="deeper than 10 levels"):
        parse({"$or": [where]})


def test_nots_count_as_levels_too():
    where: dict[str, object] = {"$gt": 1}
    for _ in range(10):
        where = {"$not": where}

    with pytest.raises(InvalidFilter, match="deeper than 10 levels"):
        parse({"a": where})


def test_a_message_quotes_a_long_value_in_part():
    with pytest.raises(InvalidFilter) as refused:
        parse({"status": {"$prefix": ["secret" * 1_000]}})

    assert len(str(refused.value)) < 200


def test_different_filters_have_different_fingerprints():
    filters = [
        {},
        {"a": 1},
        {"a": "1"},
        {"a": 1.0},
        {"a": True},
        {"a": [1]},
        {"a": {"$ne": 1}},
        {"b": 1},
        {"@metadata.a": 1},
    ]

    assert len({parse(where).fingerprint for where in filters}) == len(filters)
    assert parse({"a": {"$eq": 1}}).fingerprint == parse({"a": 1}).fingerprint
