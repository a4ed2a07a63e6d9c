"""What AWS leaves open about asynchronous endpoints, as switches: each default is the documented or the harder case.

`async-endpoint local start --assume NAME=VALUE` sets one; docs/local-aws.md says what is known of each.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, Self, get_args, get_type_hints


class AssumptionError(ValueError):
    """A switch that does not exist, or a value that it does not take; the message is one sentence."""


@dataclass(frozen=True)
class Assumptions:
    """One field for each point that nobody's evidence settles.

    Attributes:
        backlog: Whether ApproximateBacklogSize counts requests in flight (the documentation) or only those that wait
            (two reports from the field).
        backlog_per_instance_at_zero: Whether ApproximateBacklogSizePerInstance is missing at zero instances (field) or
            the whole backlog (documentation).
        failure_location: Where an error notification tells the failure's location.
    """

    backlog: Literal["in-flight", "queued"] = "in-flight"
    backlog_per_instance_at_zero: Literal["missing", "backlog"] = "missing"
    failure_location: Literal["responseParameters", "top-level", "absent"] = "responseParameters"

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> Self:
        """Read `NAME=VALUE` for each; hyphens and underscores of a name are the same.

        Raises:
            AssumptionError: There is no such switch, or it does not take the value.
        """
        hints = get_type_hints(cls)
        given: dict[str, str] = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            known = name.strip().replace("-", "_")
            if known not in hints:
                raise AssumptionError(f"There is no assumption {name!r}: choose one of {', '.join(hints)}.")
            if value not in get_args(hints[known]):
                choices = " or ".join(get_args(hints[known]))
                raise AssumptionError(f"The assumption {known} is {choices}, not {value!r}.")
            given[known] = value
        return cls(**given)  # type: ignore[arg-type]  # each was held against its type above

    def as_arguments(self) -> list[str]:
        """The switches that differ from their defaults, as `parse` reads them."""
        return [f"{item.name}={value}" for item in fields(self) if (value := getattr(self, item.name)) != item.default]
