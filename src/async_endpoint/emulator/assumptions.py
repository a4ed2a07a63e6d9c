"""What AWS leaves open about asynchronous endpoints, as switches: each default is the documented or the harder case.

`async-endpoint local start --assume NAME=VALUE` sets one; docs/local-aws-fidelity.md says what is known of each.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Literal, Self, get_args, get_type_hints

from async_endpoint.cloudwatch.delivery import Delayed, DelayRange, Publisher
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules

_DELAY = re.compile(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?")


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
        metric_delay: How many seconds after a minute's end its datapoints reach CloudWatch, as `120` or `60-150`; each
            publisher (queue, variant, instances, SQS) draws its own for each minute.
        metric_gaps: How many percent of all datapoints never reach it.
        fill_of_nothing: What FILL makes of a metric without a datapoint in the range.
        scalar_meets_missing: What an operator between a number and a missing value gives.
        extra_datapoints: How many more datapoints an alarm reads than it has evaluation periods.
        recovery_minutes: For how many minutes an alarm stays in ALARM after its datapoints have recovered.
    """

    backlog: Literal["in-flight", "queued"] = "in-flight"
    backlog_per_instance_at_zero: Literal["missing", "backlog"] = "missing"
    failure_location: Literal["responseParameters", "top-level", "absent"] = "responseParameters"
    metric_delay: str = "60-150"
    metric_gaps: float = 1.0
    fill_of_nothing: Literal["missing", "value"] = "missing"
    scalar_meets_missing: Literal["missing", "zero"] = "missing"
    extra_datapoints: int = 2
    recovery_minutes: int = 0

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> Self:
        """Read `NAME=VALUE` for each; hyphens and underscores of a name are the same.

        Raises:
            AssumptionError: There is no such switch, or it does not take the value.
        """
        hints = get_type_hints(cls)
        given: dict[str, object] = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            known = name.strip().replace("-", "_")
            if known not in hints:
                raise AssumptionError(f"There is no assumption {name!r}: choose one of {', '.join(hints)}.")
            if reader := _READERS.get(known):
                given[known] = reader(known, value)
            elif value in get_args(hints[known]):
                given[known] = value
            else:
                choices = " or ".join(get_args(hints[known]))
                raise AssumptionError(f"The assumption {known} is {choices}, not {value!r}.")
        return cls(**given)  # type: ignore[arg-type]  # each was held against its type above

    def as_arguments(self) -> list[str]:
        """The switches that differ from their defaults, as `parse` reads them."""
        return [f"{item.name}={value}" for item in fields(self) if (value := getattr(self, item.name)) != item.default]

    def delivery(self, seed: int = 0) -> Delayed:
        """When datapoints reach CloudWatch."""
        delay = _delay_range(self.metric_delay)
        assert delay is not None  # noqa: S101 - `parse` has held it against the form
        return Delayed(dict.fromkeys(Publisher, delay), self.metric_gaps / 100, seed)

    @property
    def rules(self) -> EvaluationRules:
        """How alarms are evaluated."""
        return EvaluationRules(
            self.fill_of_nothing, self.scalar_meets_missing, self.extra_datapoints, self.recovery_minutes
        )


def _delay_range(text: str) -> DelayRange | None:
    """The range that a text such as `120` or `60-150` names, None if it does not name one."""
    parts = _DELAY.fullmatch(text)
    try:
        return None if parts is None else DelayRange(float(parts[1]), float(parts[2] or parts[1]))
    except ValueError:
        return None


def _delay(name: str, value: str) -> str:
    if _delay_range(value) is None:
        raise AssumptionError(
            f"The assumption {name} is a number of seconds from 0 to 3600 or a range of them, such as 120 or 60-150, "
            f"not {value!r}."
        )
    return value


def _number(least: int, most: int, what: str, convert: Callable[[str], float]) -> Callable[[str, str], float]:
    def read(name: str, value: str) -> float:
        try:
            number = convert(value)
        except ValueError:
            number = -1
        if not least <= number <= most:
            raise AssumptionError(f"The assumption {name} is {what} from {least} to {most}, not {value!r}.")
        return number

    return read


_READERS: Mapping[str, Callable[[str, str], object]] = {
    "metric_delay": _delay,
    "metric_gaps": _number(0, 50, "a number of percent", float),
    "extra_datapoints": _number(0, 100, "a whole number", int),
    "recovery_minutes": _number(0, 60, "a whole number", int),
}
