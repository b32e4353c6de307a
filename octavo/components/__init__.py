"""What comes in the box: small components that need no network."""

from octavo.components.count import count
from octavo.components.transform import transform
from octavo.values.component import Component

BUILT_IN: tuple[Component, ...] = (count, transform)

__all__ = ["BUILT_IN", "count", "transform"]
