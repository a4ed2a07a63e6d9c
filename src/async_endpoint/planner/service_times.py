"""How long a request is processed, on one instance type or on several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from async_endpoint.planner.durations import Durations
from async_endpoint.planner.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TYPE = "ml."


@dataclass(frozen=True)
class ServiceTimes:
    """Durations by instance type, and those of all other types.

    Attributes:
        by_type: The durations of types that were named.
        others: The durations of each other type; None if every type must be named.
    """

    by_type: Mapping[str, Durations]
    others: Durations | None

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Reads durations such as `0.28`, and those of a type such as `ml.g5.xlarge:0.19`.

        Raises:
            PlanError: One is no duration, or two are of the same type or of none.
        """
        found: dict[str, Durations] = {}
        for text in texts:
            instance_type, _, durations = text.rpartition(":") if text.startswith(_TYPE) else ("", "", text)
            if instance_type in found:
                whose = f"of {instance_type}" if instance_type else "of no type"
                raise PlanError(f"--service-seconds has two durations {whose}: give one.")
            found[instance_type] = Durations.parse(durations)
        others = found.pop("", None)
        return cls(found, others)

    def check_used(self, types: Iterable[str]) -> None:
        """Checks that every type with durations of its own is planned.

        Raises:
            PlanError: One is not: probably its name is misspelled.
        """
        planned = set(types)
        for instance_type in self.by_type:
            if instance_type not in planned:
                raise PlanError(
                    f"--service-seconds names {instance_type}, and the planned types are {', '.join(sorted(planned))}."
                )

    def of(self, instance_type: str, *, named: bool = False) -> Durations:
        """Returns the durations of a type.

        Args:
            instance_type: The type.
            named: Whether the type must be named: a time that was measured on one type is not that of another.

        Raises:
            PlanError: They are not given.
        """
        known = self.by_type.get(instance_type)
        if known is None and not named:
            known = self.others
        if known is None:
            raise PlanError(
                f"How long a request is processed on {instance_type} is not given: measure it there, and add "
                f"--service-seconds {instance_type}:SECONDS."
            )
        return known
