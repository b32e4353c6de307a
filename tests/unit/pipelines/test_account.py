"""What a step tells while it works."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import msgspec
import pytest
from pydantic import BaseModel

from octavo.errors import InvalidInput
from octavo.values.account import NOTHING, Account, Metrics, Progress
from octavo.values.component import Given, ModelName, component
from octavo.values.run import StepDone


class Config(BaseModel):
    model: ModelName = "small"
    second: ModelName | None = None
    text: str = "gpt"


def given(**more):
    told = {"run_id": uuid4(), "organization_id": uuid4(), "pipeline": "p", "step": "s", "attempt": 1}
    return Given(**told, document=None, raw_input=b"{}", raw_outputs={}, **more)


def test_what_is_measured_adds_up_and_of_memory_the_most_is_kept():
    step = given()

    step.measure(tokens_in=3, cost_usd=0.1, memory_mb=20)
    step.measure(tokens_out=2, cost_usd=Decimal("0.2"), memory_mb=10)

    assert step.account.metrics == Metrics(tokens_in=3, tokens_out=2, cost_usd=Decimal("0.3"), memory_mb=20)


@pytest.mark.parametrize(
    "wrong", [{"tokens_in": -1}, {"cost_usd": float("nan")}, {"memory_mb": float("inf")}]
)
def test_what_is_no_measure_is_refused_and_changes_nothing(wrong):
    step = given()

    with pytest.raises(InvalidInput, match="cannot measure"):
        step.measure(**wrong)

    assert step.account.metrics is NOTHING


def test_a_million_costs_add_up_to_the_cent():
    """S4-030"""
    total = NOTHING
    for _ in range(1_000):
        total = total.plus(Metrics(cost_usd=Decimal("0.000001")))

    assert total.cost_usd * 1_000 == Decimal("1.000000")


def test_progress_is_told_once_a_second_at_most():
    told: list[Progress] = []
    account = Account()
    account.listen(told.append)

    for done in range(1_000):
        account.progress(done, 1_000, "pages")

    assert told[0] == Progress(0, 1_000, "pages")
    assert len(told) < 100


def test_a_note_is_cut_and_clean():
    told: list[Progress] = []
    account = Account()
    account.listen(told.append)

    account.progress(1, None, "a\x00" + "b" * 1_000)

    assert (told[0].total, len(told[0].note), "\x00" in told[0].note) == (None, 200, False)


def test_the_key_is_the_same_in_every_attempt_and_another_for_each_element():
    step = given()

    again = msgspec.structs.replace(step, attempt=2)
    element = msgspec.structs.replace(step, raw_item=b"[1]", index=4)

    assert step.key == again.key == step.idempotency_key == f"run-{step.run_id}:s"
    assert (element.key, element.item) == (f"run-{step.run_id}:s[4]", [1])


def test_a_finished_step_is_the_same_after_it_was_written_and_read(request):
    done = msgspec.convert(
        {
            "name": "s",
            "attempt": 1,
            "started_at": "2026-01-01T00:00:00Z",
            "ended_at": "2026-01-01T00:00:01Z",
            "model": "m@1",
            "items": 3,
            "metrics": {"tokens_in": 2, "cost_usd": "0.10"},
        },
        StepDone,
    )

    assert msgspec.json.decode(msgspec.json.encode(done), type=StepDone) == done
    assert done.as_dict()["metrics"]["cost_usd"] == "0.10"


def test_a_component_names_its_model_or_tells_it_from_its_configuration():
    @component("a")
    async def by_field(given: Given, config: Config) -> None: ...

    @component("b", model="fixed@3")
    async def by_name(given: Given) -> None: ...

    @component("c", model=lambda config: f"told-{config.text}")
    async def by_function(given: Given, config: Config) -> None: ...

    config = by_field.configured({"second": "large"})
    assert (by_field.model_of(config), by_field.models_in(config)) == ("small", ["small", "large"])
    assert by_name.model_of(None) == "fixed@3"
    assert by_function.model_of(by_function.configured({})) == "told-gpt"
