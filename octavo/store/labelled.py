"""What a filter on @labels is in SQL: looked at document by document, or found by the index of labels.

A label is found by its documents' ids, which lead to the rows. Beside other conditions it leads if few documents
have it (`FEW`); otherwise what the others find does, and the label is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from octavo.postgres.statements import load
from octavo.values.condition import Attribute, Condition, Filter, Node
from octavo.values.label import LabelChoice

_sql = load("octavo.store", "labelled.sql")
FEW = 1_000
Parameter = Callable[[object, str], str]


def is_on_labels(node: Node) -> bool:
    """Whether a condition asks for labels, and nothing else."""
    return (
        isinstance(node, Condition) and isinstance(node.subject, Attribute) and node.subject.kind == "labels"
    )


def asks_labels(filter: Filter) -> bool:
    """Whether any condition of a filter asks for labels."""
    return any(is_on_labels(condition) for condition in filter.conditions)


def looked_at(condition: Condition, document: str, parameter: Parameter) -> str:
    """Whether the document at hand satisfies the condition.

    Args:
        document: SQL of its id. The statement's $1 is the organization.
        parameter: makes a value a parameter of a type.
    """
    if condition.operator == "exists":
        return f"({_sql.has_any_label.replace('{document}', document)}) IS TRUE"
    return f"({_asked(_sql.has_label, condition, parameter).replace('{document}', document)}) IS TRUE"


def found(condition: Condition, document: str, parameter: Parameter) -> str:
    """The same said in a way that the index of labels finds it."""
    return _among(document, _asked(_sql.labelled, condition, parameter))


def leading(conditions: Sequence[Condition], others: str | None, document: str, parameter: Parameter) -> str:
    """A condition that leads to a superset of what satisfies all conditions.

    Args:
        conditions: on labels; the first one that few documents satisfy leads.
        others: SQL of what indexes find of the rest of the filter, which leads if none is; without it the last
            label does.
    """
    if others is None:
        *conditions, last = conditions
        rest = _asked(_sql.labelled, last, parameter)
    else:
        rest = _sql.found.replace("{condition}", others)
    for condition in reversed(conditions):
        few = _sql.labelled_or.replace("{few}", parameter(FEW, "bigint")).replace("{others}", f"({rest})")
        rest = _asked(few, condition, parameter)
    return _among(document, rest)


def _among(document: str, ids: str) -> str:
    return f"{document} = ANY(ARRAY({ids}))"


def _asked(statement: str, condition: Condition, parameter: Parameter) -> str:
    choice: LabelChoice = condition.operand
    named = statement.replace("{names}", parameter(list(choice.names), "text[]"))
    return named.replace("{confidence}", parameter(choice.min_confidence, "float8"))
