"""The identity of a metric, and the resolution at which its data are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

MINUTE = 60


@dataclass(frozen=True, slots=True)
class MetricKey:
    """A metric's identity. Dimensions are a set: their order does not matter, and none may be left out."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def from_dimensions(cls, namespace: str, name: str, dimensions: Mapping[str, str] | None = None) -> Self:
        """Returns the key of a metric whose dimensions are given as a mapping of names to values."""
        return cls(namespace, name, frozenset((dimensions or {}).items()))
