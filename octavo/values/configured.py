"""Components' documents: a component in code with a configuration, under a name of its own, with versions and tags.

{"component": "generate", "config": {"model": "gpt-4", "temperature": 0.7}, "description": "Articles by GPT-4",
 "price": {"per_1k_in": "0.03", "per_1k_out": "0.06"}, "output_format": "markdown"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from octavo.errors import InvalidPipeline
from octavo.values.pipeline import Format, Price

TYPE = "octavo.component"


class Configured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a component's document holds.

    Attributes:
        component: the component in code.
        version: of it; without one the newest that is known when the document is put.
        config: checked against the component's model when the document is put; steps may override parts of it.
        is_active: False: no pipeline may be put that uses it. Those that were put have its configuration.
        price: what its tokens cost, where the component does not tell the cost itself.
        input_format, output_format: what it reads and gives, by names of one's own: steps must fit each other.
    """

    component: Annotated[str, Meta(min_length=1, max_length=63)]
    version: Annotated[int, Meta(ge=1)] | None = None
    config: dict[str, Any] = {}
    description: Annotated[str, Meta(max_length=2_000)] = ""
    is_active: bool = True
    price: Price | None = None
    input_format: Format | None = None
    output_format: Format | None = None

    def as_dict(self) -> dict[str, Any]:
        """The document's body."""
        body: dict[str, Any] = msgspec.to_builtins(self)
        return body


def parse_configured(body: Configured | Mapping[str, Any]) -> Configured:
    """Read a component from what its document holds; raises `InvalidPipeline`, which names the field."""
    if isinstance(body, Configured):
        return body
    try:
        configured = msgspec.convert(body, Configured)
    except msgspec.ValidationError as error:
        raise InvalidPipeline(f"this is no component: {error}") from error
    if configured.price is not None and not configured.price.is_one:
        raise InvalidPipeline("the price of this component is none", remedy="give 0 or more")
    return configured
