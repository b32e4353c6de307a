"""What a caller gave, as the store takes it: ids, types, bodies."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from octavo.errors import InvalidInput
from octavo.search.hybrid import Asked, Hybrid
from octavo.store.changes import Draft
from octavo.store.links_many import LinkDraft
from octavo.store.scope import Scope
from octavo.values.type import DocumentType, type_name

_OF_SIMILAR = {
    "type",
    "where",
    "limit",
    "after",
    "wait_seconds",
    "fallback",
    "exact",
    "explain",
    "least_similarity",
    "language",
}


def kind_of(type: str | builtins.type[DocumentType] | None) -> str | None:
    """The name of a type given by its name or its model; None for all types."""
    return None if type is None else type_name(type)


def type_and_body(scope: Scope, type: str | DocumentType, body: object) -> tuple[str, object]:
    """The name of a type and the body, of a name with a body or of an instance of a registered type."""
    if isinstance(type, str):
        return type, body
    name = type.declaration.name
    if name not in scope.types.models:
        raise InvalidInput(
            f"{type.__class__.__name__} is not registered",
            remedy="open the database with types=[…], or call db.types.register",
        )
    if body is not None:
        raise InvalidInput(
            f"an instance of {name} is the body, and another one is given", remedy="leave one out"
        )
    return name, type


def draft_of(scope: Scope, document: Mapping[str, Any] | DocumentType) -> Draft:
    """A document of put_many; raises `InvalidInput` for keys it does not know."""
    if isinstance(document, DocumentType):
        return Draft.of(scope, *type_and_body(scope, document, None))
    unknown = set(document) - {"type", "body", "name", "id", "metadata"}
    if unknown or not {"type", "body"} <= set(document):
        raise InvalidInput(
            f"a document of put_many has the keys {sorted(document)}",
            remedy="give type and body, and if wanted name, id and metadata",
        )
    fields = {**document, "id": optional_id(document.get("id"))}
    return Draft.of(scope, **fields)


def asked_by(scope: Scope, **options: Any) -> Asked:
    """What is asked to be similar, in the namespace of a scope; raises `InvalidInput` for an option there is not."""
    if unknown := set(options) - _OF_SIMILAR:
        raise InvalidInput(
            f"similar has no option {min(unknown)!r}", remedy=f"give {', '.join(sorted(_OF_SIMILAR))}"
        )
    return Asked(organization=scope.organization, namespace=scope.namespace, text="", **options)


def outside(hybrid: Hybrid | None) -> Hybrid:
    """What searches engines; raises `InvalidInput` in a transaction."""
    if hybrid is None:
        raise InvalidInput(
            "engines do not see what a transaction has changed", remedy="ask outside of the transaction"
        )
    return hybrid


def link_draft_of(link: Mapping[str, Any]) -> LinkDraft:
    """A link of link_many; raises `InvalidInput` for keys it does not know."""
    unknown = set(link) - {"source", "type", "target", "confidence", "metadata"}
    if unknown or not {"source", "type", "target"} <= set(link):
        raise InvalidInput(
            f"a link of link_many has the keys {sorted(link)}",
            remedy="give source, type and target, and if wanted confidence and metadata",
        )
    ends = {"source": known_id(link["source"]), "target": known_id(link["target"])}
    return LinkDraft.of(**{**link, **ends})


def optional_id(id: UUID | str | None) -> UUID | None:
    """An id, or None when none was given."""
    return None if id is None else known_id(id)


def known_id(id: UUID | str, what: str = "document") -> UUID:
    """An id from what a caller gave; raises `InvalidInput` when it is none of what it should be."""
    if isinstance(id, UUID):
        return id
    try:
        return UUID(id)
    except ValueError as error:
        remedy = "give a UUID, or type and name=…" if what == "document" else "give a UUID"
        raise InvalidInput(f"{id!r} is not the id of a {what}", remedy=remedy) from error
