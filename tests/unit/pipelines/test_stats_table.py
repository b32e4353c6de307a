"""How figures of pipelines look in a terminal."""

from __future__ import annotations

from octavo.cli.pipeline import pipelines_table
from octavo.values.run import PipelineStats

COUNTS = {"runs", "completed", "failed", "cancelled", "dead", "queued", "delayed", "running", "retries"}


def stats(**figures: object) -> PipelineStats:
    fields = dict.fromkeys(PipelineStats.__struct_fields__)
    counted = dict.fromkeys((name for name in fields if name in COUNTS or name.startswith("tokens")), 0)
    return PipelineStats(**{**fields, **counted, "pipeline": "read", "version": 1, **figures})


def headings(*found: PipelineStats) -> list[object]:
    return [column.header for column in pipelines_table(found).columns]


def test_columns_in_which_nobody_has_anything_are_left_out():
    assert headings(stats(runs=3, completed=3, took_p50_seconds=0.2)) == [
        "pipeline",
        "runs",
        "completed",
        "took p50",
    ]


def test_what_one_of_them_has_is_told_of_all():
    assert "dead" in headings(stats(runs=3, completed=3), stats(runs=1, dead=1))
