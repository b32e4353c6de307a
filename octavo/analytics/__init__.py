"""Questions about what happened: measures, and the series they make."""

from octavo.analytics.measures import (
    Measure,
    average,
    count,
    greatest,
    least,
    measure_of,
    quantile,
    sum_of,
    unique,
)
from octavo.analytics.series import Point, Series

__all__ = [
    "Measure",
    "Point",
    "Series",
    "average",
    "count",
    "greatest",
    "least",
    "measure_of",
    "quantile",
    "sum_of",
    "unique",
]
