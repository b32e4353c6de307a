"""Quantiles of numbers that were counted by classes of size: within 1 % of the exact value, whatever is added up.

Classes grow by a constant factor, so the middle of one is within 1 % of everything in it. Counts of classes can be
added, which quantiles cannot. After Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", Proceedings of the VLDB Endowment 12 (2019), section 2.

A class has a number: 0 for zero, `ceil(log(|x|) / log(factor)) + OFFSET` for others, negative if they are. So
the numbers of classes have the order of what is in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

ACCURACY = 0.01
FACTOR = (1 + ACCURACY) / (1 - ACCURACY)
LOG_FACTOR = math.log(FACTOR)
# Above the class of 10^-9, the smallest number that is kept, so that no class but that of zero is 0.
OFFSET = 1_100


def quantile(classes: Mapping[int, int], level: float) -> float | None:
    """The smallest number that at least this part of all numbers does not exceed, within 1 %.

    Args:
        classes: how many numbers each class has.
        level: 0 to 1; 0.5 is the median.
    """
    wanted = max(1, math.ceil(level * sum(classes.values()) - 1e-9))
    for number in sorted(classes):
        wanted -= classes[number]
        if wanted <= 0:
            return middle(number)
    return None


def middle(number: int) -> float:
    """What stands for everything in a class: at most 1 % off from any of it."""
    if number == 0:
        return 0.0
    size = 2 * FACTOR ** (abs(number) - OFFSET) / (FACTOR + 1)
    return math.copysign(size, number)
