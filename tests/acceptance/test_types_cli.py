"""Document types from the command line and without `await`, with a module where the command is given."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import octavo.sync
from tests.places import short_place
from tests.records import new_record

SHOP = """
from typing import Annotated

import octavo


class Article(octavo.DocumentType, name="article", version=1):
    title: str
    slug: Annotated[str, octavo.Unique()]
    priority: Annotated[int, octavo.Index()] = 0


class Changed(octavo.DocumentType, name="article", version=1):
    title: int
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Path]:
    """A folder with models and a data directory."""
    with short_place() as folder:
        (folder / "shop.py").write_text(SHOP, "utf-8")
        new_record(folder / "data")
        yield folder


def _octavo(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, "--data", "data", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def _told(program: Path, folder: Path, *arguments: str) -> Any:
    run = _octavo(program, folder, *arguments, "--json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_types_are_compared_checked_applied_and_listed(program: Path, shop: Path):
    """S3-062, S3-063"""
    models = ("--types", "shop:Article")

    compared = _told(program, shop, "type", "diff", *models)
    checked = _told(program, shop, "type", "check", *models)
    applied = _told(program, shop, "type", "apply", *models)
    (listed,) = _told(program, shop, "type", "list")
    refused = _octavo(program, shop, "type", "apply", "--types", "shop:Changed")

    assert {one["path"] for one in compared["article"]} >= {"/schema", "/indexes"}
    assert checked["article"]["checked"] == 0
    assert [state["state"] for state in applied] == ["ready", "ready"]
    assert (listed["name"], listed["version"]) == ("article", 1)
    assert refused.returncode == 1
    assert "article was changed under version 1" in refused.stderr


def test_a_missing_model_is_one_line_on_stderr(program: Path, shop: Path):
    run = _octavo(program, shop, "type", "apply", "--types", "shop:Nothing")

    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1
    assert "'shop:Nothing' cannot be imported" in run.stderr


def test_types_work_without_await(shop: Path):
    spec = importlib.util.spec_from_file_location("shop_types", shop / "shop.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    with octavo.sync.open(shop / "data", types=[module.Article], background=False) as db:
        db.types.apply()
        doc = db.documents.put(module.Article(title="Hi", slug="hi"))
        found = [one.to(module.Article).title for one in db.documents.find(module.Article)]

        assert found == ["Hi"]
        assert db.documents.get(doc.id).to(module.Article).slug == "hi"
        assert db.types.check(module.Article).misfits == 0
