"""The files of the model a step uses."""

from __future__ import annotations

from octavo.errors import StepFailed
from octavo.values.component import Given

WEIGHTS = "weights"


def weights(given: Given) -> str:
    """The path of the model's weights; its bytes were checked. Raises `StepFailed` when the model has none."""
    if WEIGHTS not in given.files:
        raise StepFailed(
            f"the model {given.model} of the step {given.step!r} has no artifact {WEIGHTS!r}",
            remedy="train it here, or register it with the weights that were",
        )
    return given.files[WEIGHTS]
