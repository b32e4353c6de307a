"""Two versions of a model compared by the results they left on the same documents: nothing is computed again."""

from __future__ import annotations

from collections import Counter

from octavo.errors import InvalidInput
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.registry import models
from octavo.store.scope import Scope
from octavo.values.comparison import ChangedDocument, Comparison, Pair, judged
from octavo.values.condition import Field, parse_subject
from octavo.values.model import ModelReference
from octavo.values.result import processing_type

_sql = load("octavo.registry", "models.sql")
MAX_TOLD = 1_000


async def compare(
    scope: Scope,
    name: str,
    before: int,
    after: int,
    *,
    type: object = None,
    truth: str | None = None,
    documents: int = 10_000,
    changed: int = 20,
) -> Comparison:
    """Compare two versions; see `Models.compare`."""
    path = None if truth is None else _path(truth)
    if not 1 <= documents <= scope.limits.scanned or not 0 <= changed <= MAX_TOLD:
        raise InvalidInput(
            f"{documents} documents cannot be compared, {changed} of them told",
            remedy=f"compare 1 to {scope.limits.scanned}, and have 0 to {MAX_TOLD} told",
        )
    for version in (before, after):
        await models.get(scope, ModelReference(name, version=version))
    kind = None if type is None else processing_type(type)
    asked = (scope.organization, name, str(before), str(after), kind, documents)
    rows = await scope.runner.fetch(_sql.compare, *asked, path)
    differing = await scope.runner.fetch(_sql.compare_changed, *asked, changed) if changed else []
    pairs = [
        Pair(
            before=row["label_before"],
            after=row["label_after"],
            truth=row["truth"],
            documents=row["documents"],
            agrees=row["agrees"],
        )
        for row in rows
    ]
    return Comparison(
        model=name,
        before=before,
        after=after,
        documents=sum(pair.documents for pair in pairs),
        agreeing=sum(pair.documents for pair in pairs if pair.agrees),
        pairs=_without_truth(pairs),
        changed=[_changed(row) for row in differing],
        judged_before=judged((pair.before, pair.truth, pair.documents) for pair in pairs),
        judged_after=judged((pair.after, pair.truth, pair.documents) for pair in pairs),
    )


def _path(field: str) -> list[str]:
    subject = parse_subject(field)
    if not isinstance(subject, Field) or subject.source != "body":
        raise InvalidInput(f"{field[:200]!r} is no field of a body", remedy="name one, as review.label")
    return list(subject.path)


def _without_truth(pairs: list[Pair]) -> list[Pair]:
    """Each change of label once, the most frequent first."""
    counted: Counter[tuple[str | None, str | None, bool]] = Counter()
    for pair in pairs:
        counted[pair.before, pair.after, pair.agrees] += pair.documents
    return [
        Pair(before=before, after=after, truth=None, documents=documents, agrees=agrees)
        for (before, after, agrees), documents in counted.most_common()
    ]


def _changed(row: Row) -> ChangedDocument:
    return ChangedDocument(
        document_id=row["document_id"],
        version=row["version"],
        before=row["label_before"],
        after=row["label_after"],
        score_before=row["score_before"],
        score_after=row["score_after"],
    )
