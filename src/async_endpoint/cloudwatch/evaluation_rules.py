"""The points of metric math and of the evaluation of alarms that CloudWatch's guide leaves open, as switches."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EvaluationRules:
    """One field for each point; each default is the stricter reading.

    Attributes:
        fill_of_nothing: What FILL makes of a metric without a datapoint in the range: nothing, or its value.
        scalar_meets_missing: The result of an operator between a number and a series where the series has no value:
            nothing, or its result with 0.
        extra_datapoints: How many more datapoints an alarm reads than it has evaluation periods. The guide's one
            example is 5 for 3.
        recovery_minutes: For how many minutes an alarm stays in ALARM after its datapoints have recovered.
    """

    fill_of_nothing: Literal["missing", "value"] = "missing"
    scalar_meets_missing: Literal["missing", "zero"] = "missing"
    extra_datapoints: int = 2
    recovery_minutes: int = 0
