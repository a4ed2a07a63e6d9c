"""Open questions about asynchronous endpoints on AWS, as switches; each default is the documented or harder case.

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
    """There is no such switch, or it does not take the value; the message is one sentence."""


@dataclass(frozen=True)
class Assumptions:
    """One field for each question without conclusive evidence.

    Attributes:
        backlog: Whether ApproximateBacklogSize counts requests in flight (the documentation) or only those that wait
            (two reports from the field).
        backlog_per_instance_at_zero: Whether ApproximateBacklogSizePerInstance is missing at zero instances (field) or
            the whole backlog (documentation).
        failure_location: Where an error notification has the failure's location.
        metric_delay: How many seconds after a minute's end its datapoints reach CloudWatch, as `120` or `60-150`; each
            publisher (queue, variant, instances, SQS) draws its own for each minute.
        metric_gaps: How many percent of all datapoints never reach it.
        fill_of_nothing: What FILL returns for a metric without a datapoint in the range.
        scalar_meets_missing: What an operator between a number and a missing value returns.
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
        """Reads pairs `NAME=VALUE`; a name may have hyphens or underscores.

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
        return cls(**given)  # type: ignore[arg-type]  # each was checked against its type above

    def as_arguments(self) -> list[str]:
        """Returns the switches that differ from their defaults, as `parse` reads them."""
        return [f"{item.name}={value}" for item in fields(self) if (value := getattr(self, item.name)) != item.default]

    def delivery(self, seed: int = 0) -> Delayed:
        """Returns when datapoints reach CloudWatch."""
        return Delayed(dict.fromkeys(Publisher, _delay_range(self.metric_delay)), self.metric_gaps / 100, seed)

    @property
    def rules(self) -> EvaluationRules:
        """How alarms are evaluated."""
        return EvaluationRules(
            self.fill_of_nothing, self.scalar_meets_missing, self.extra_datapoints, self.recovery_minutes
        )


def _delay_range(text: str) -> DelayRange:
    """Returns the range of a text such as `120` or `60-150`; raises ValueError for any other."""
    parts = _DELAY.fullmatch(text)
    if parts is None:
        raise ValueError(text)
    return DelayRange(float(parts[1]), float(parts[2] or parts[1]))


def _delay(name: str, value: str) -> str:
    try:
        _delay_range(value)
    except ValueError as error:
        raise AssumptionError(
            f"The assumption {name} is a number of seconds from 0 to 3600 or a range of them, such as 120 or 60-150, "
            f"not {value!r}."
        ) from error
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
