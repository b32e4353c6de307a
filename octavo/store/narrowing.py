"""Which index leads to the documents of a filter, and how a statement says so."""

from __future__ import annotations

import msgspec

from octavo.store.filters import Compiler, found_part
from octavo.store.labelled import asks_labels, is_on_labels
from octavo.store.leads import Lead
from octavo.values.condition import Condition, Every, Field, Filter, Node


class Index(msgspec.Struct, frozen=True):
    """What indexes find of a filter, and which conditions the planner may choose one by.

    Where the GIN index is to lead, conditions that a b-tree could serve are hidden from the planner by IS TRUE:
    without statistics it takes a b-tree for the better way, and reads the whole organization along it. Where labels
    lead, the hidden part says all again, since the ids of the leading one are many to compare a row with.
    """

    leading: str
    hidden: str | None
    hidden_says_all: bool = False

    @property
    def condition(self) -> str:
        """The condition alone."""
        if self.hidden_says_all and self.hidden is not None:
            return self.hidden
        return f"({self.leading}) AND {self.hidden or 'true'}"

    def within(self, scope: str) -> str:
        """The condition inside another one, which the planner sees only if it may choose an index by it."""
        if self.hidden is None:
            return f"{scope} AND ({self.leading})"
        return f"({self.leading}) AND ({scope} AND {self.hidden}) IS TRUE"


def index_for(compiler: Compiler, asked: list[Node], lead: Lead | None = None) -> Index | None:
    """The index for conditions that must all hold; None if nothing of them can be found by one.

    Args:
        lead: the declared index that leads; see `leads_to`.
    """
    found = [part for node in asked if (part := found_part(node)) is not None]
    is_by_key = any(_is_key(part) for part in found)
    if any(asks_labels(Filter(part)) for part in found) and (lead is not None or not is_by_key):
        by_lead = [part for part in lead.found if part not in found] if lead is not None else []
        said = sql_of(compiler, [*found, *by_lead])
        return Index(_labels_sql(compiler, found, lead), said, hidden_says_all=True)
    if lead is not None:
        others = [part for part in found if part not in lead.found]
        return Index(lead.sql(compiler), _found_sql(compiler, others))
    if not found:
        return None
    leading = [part for part in found if _is_in_gin(part)]
    if not leading or is_by_key:
        return Index(_found_sql(compiler, found), None)
    others = [part for part in found if not _is_in_gin(part)]
    return Index(_found_sql(compiler, leading), _found_sql(compiler, others))


def leads_to(asked: list[Node], lead: Lead | None) -> Lead | None:
    """The declared index, if it shall lead to documents for which all of `asked` hold.

    It stands back where other conditions are equalities: these are mostly rarer than a range, and whoever has it
    otherwise declares an index on both fields.
    """
    if lead is None:
        return None
    others = [part for node in asked if node not in lead.found and (part := found_part(node)) is not None]
    return None if any(_is_in_gin(part) or _is_key(part) for part in others) else lead


def sql_of(compiler: Compiler, parts: list[Node]) -> str:
    """Conditions that must all hold, as one."""
    return compiler.sql(Every(tuple(parts))) if parts else "true"


def _found_sql(compiler: Compiler, parts: list[Node]) -> str:
    return (compiler.narrowed(Every(tuple(parts))) if parts else None) or "true"


def _labels_sql(compiler: Compiler, found: list[Node], lead: Lead | None) -> str:
    """What leads to documents with labels: the label, or what else is found where many have it."""
    labels = [part for part in found if isinstance(part, Condition) and is_on_labels(part)]
    if not labels:
        return _found_sql(compiler, [part for part in found if asks_labels(Filter(part))])
    if lead is not None:
        return compiler.led_by_labels(labels, lead.sql(compiler))
    fields = [part for part in found if _is_in_gin(part)]
    return compiler.led_by_labels(labels, _found_sql(compiler, fields) if fields else None)


def _is_in_gin(part: Node) -> bool:
    """Whether the GIN index serves all of a condition."""
    subjects = [condition.subject for condition in Filter(part).conditions]
    return all(isinstance(about, Field) or about.name == "@created_by" for about in subjects)


def _is_key(part: Node) -> bool:
    """Whether a condition names its documents one by one."""
    if not isinstance(part, Condition) or part.operator not in {"eq", "in"}:
        return False
    return part.subject.name in {"@id", "@name"}
