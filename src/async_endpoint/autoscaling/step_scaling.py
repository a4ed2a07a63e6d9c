"""Step scaling: the distance of a metric from its alarm's threshold selects one adjustment of the capacity.

Source of the rules: Application Auto Scaling user guide, "How step scaling works".
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from async_endpoint.autoscaling import resource_limits
from async_endpoint.autoscaling.errors import ValidationException

# The default for SageMaker's endpoint variants.
DEFAULT_COOLDOWN = 300


@dataclass(frozen=True)
class Step:
    """One step; its bounds are relative to the alarm's threshold, infinite if the request leaves them out."""

    adjustment: int
    lower: float = -math.inf
    upper: float = math.inf

    @classmethod
    def from_members(cls, item: Mapping[str, Any]) -> Self:
        """Builds a step from a StepAdjustment.

        Raises:
            ValidationException: The bounds contradict each other.
        """
        lower, upper = item.get("MetricIntervalLowerBound"), item.get("MetricIntervalUpperBound")
        if lower is None and upper is None:
            raise ValidationException("The upper and lower bound can't both be null in the same step adjustment.")
        step = cls(
            adjustment=item["ScalingAdjustment"],
            lower=-math.inf if lower is None else float(lower),
            upper=math.inf if upper is None else float(upper),
        )
        if step.lower >= step.upper:
            raise ValidationException(
                f"A step adjustment's lower bound ({step.lower}) must be less than its upper bound ({step.upper})."
            )
        return step

    def contains(self, beyond: float, *, breaches_above: bool) -> bool:
        """Returns whether a metric `beyond` its threshold by so much falls into this step.

        Above a threshold the lower bound belongs to the step and the upper does not; below it is the other way round.
        """
        if breaches_above:
            return self.lower <= beyond < self.upper
        return self.lower < beyond <= self.upper

    def describe(self) -> dict[str, object]:
        """Returns the step as a StepAdjustment."""
        described: dict[str, object] = {"ScalingAdjustment": self.adjustment}
        if math.isfinite(self.lower):
            described["MetricIntervalLowerBound"] = self.lower
        if math.isfinite(self.upper):
            described["MetricIntervalUpperBound"] = self.upper
        return described


@dataclass(frozen=True)
class Breach:
    """What a step policy sees of an alarm: the values that decided, the threshold, and on which side breaches are."""

    values: tuple[float, ...]
    threshold: float
    breaches_above: bool


@dataclass(frozen=True)
class StepScalingPolicy:
    """A StepScalingPolicyConfiguration; a member that the request leaves out is None, and its default applies on use.

    `cooldown` is in seconds, for both directions; `min_adjustment_magnitude` applies to percentages only.
    """

    adjustment_type: str
    steps: tuple[Step, ...]
    cooldown: int | None = None
    min_adjustment_magnitude: int | None = None
    metric_aggregation_type: str | None = None

    policy_type = "StepScaling"

    @classmethod
    def from_members(cls, configuration: Mapping[str, Any]) -> Self:
        """Builds a policy from StepScalingPolicyConfiguration's members.

        Raises:
            ValidationException: AdjustmentType is missing, a number is too small, or the steps overlap or leave a gap.
            LimitExceededException: There are more steps than a policy can have.
        """
        if "AdjustmentType" not in configuration:
            raise ValidationException("AdjustmentType must be specified for a step scaling policy.")
        resource_limits.check_at_least(0, configuration, "Cooldown")
        resource_limits.check_at_least(1, configuration, "MinAdjustmentMagnitude")
        policy = cls(
            adjustment_type=configuration["AdjustmentType"],
            steps=tuple(Step.from_members(item) for item in configuration.get("StepAdjustments", ())),
            cooldown=configuration.get("Cooldown"),
            min_adjustment_magnitude=configuration.get("MinAdjustmentMagnitude"),
            metric_aggregation_type=configuration.get("MetricAggregationType"),
        )
        policy._check_steps()
        return policy

    def desired_capacity(self, capacity: int, breach: Breach) -> int | None:
        """Returns the capacity that this policy asks for from `capacity`, or None when no step applies.

        The metric is the aggregate of the values that decided the alarm. AWS does not say which datapoints it
        aggregates; the breaching ones always lie in a step that begins at the threshold. An alarm decided by
        missing data has no metric, so the policy asks for nothing.
        """
        if not breach.values:
            return None
        beyond = self._aggregate(breach.values) - breach.threshold
        for step in self.steps:
            if step.contains(beyond, breaches_above=breach.breaches_above):
                return self._adjusted(capacity, step.adjustment)
        return None

    def cooldown_after(self, *, outwards: bool) -> int:
        """Returns the seconds of cooldown after a change in a direction."""
        del outwards  # one cooldown for both directions
        return DEFAULT_COOLDOWN if self.cooldown is None else self.cooldown

    def describe(self) -> dict[str, object]:
        """Returns the policy as a StepScalingPolicyConfiguration, with the members that were given."""
        described = {
            "AdjustmentType": self.adjustment_type,
            "StepAdjustments": [step.describe() for step in self.steps],
            "Cooldown": self.cooldown,
            "MinAdjustmentMagnitude": self.min_adjustment_magnitude,
            "MetricAggregationType": self.metric_aggregation_type,
        }
        return {name: value for name, value in described.items() if value is not None}

    def _aggregate(self, values: Sequence[float]) -> float:
        if self.metric_aggregation_type == "Minimum":
            return min(values)
        if self.metric_aggregation_type == "Maximum":
            return max(values)
        return sum(values) / len(values)

    def _adjusted(self, capacity: int, adjustment: int) -> int:
        if self.adjustment_type == "ExactCapacity":
            return adjustment
        if self.adjustment_type == "ChangeInCapacity":
            return max(0, capacity + adjustment)
        change = self._whole_instances(capacity * adjustment / 100)
        least = self.min_adjustment_magnitude or 0
        if adjustment and abs(change) < least:
            change = int(math.copysign(least, adjustment))
        return max(0, capacity + change)

    @staticmethod
    def _whole_instances(change: float) -> int:
        """Rounds towards zero, but never to no change: 6.67 is 6, 0.4 is 1, -0.4 is -1 and -6.67 is -6."""
        if 0 < abs(change) < 1:
            return int(math.copysign(1, change))
        return math.trunc(change)

    def _check_steps(self) -> None:
        if not self.steps:
            raise ValidationException("At least one step adjustment must be specified.")
        resource_limits.check_step_adjustments(len(self.steps))
        if self.adjustment_type == "ExactCapacity" and any(step.adjustment < 0 for step in self.steps):
            raise ValidationException("ScalingAdjustment must not be negative with the ExactCapacity adjustment type.")
        ordered = sorted(self.steps, key=lambda step: step.lower)
        for below, above in itertools.pairwise(ordered):
            if below.upper > above.lower:
                raise ValidationException("Step adjustment intervals can't overlap.")
            if below.upper < above.lower:
                raise ValidationException("Step adjustment intervals can't have gaps between them.")
        lowest, highest = ordered[0].lower, ordered[-1].upper
        if lowest < 0 and math.isfinite(lowest):
            raise ValidationException(
                "There must be a step adjustment with an unspecified lower bound when one step adjustment "
                "has a negative lower bound."
            )
        if highest > 0 and math.isfinite(highest):
            raise ValidationException(
                "There must be a step adjustment with an unspecified upper bound when one step adjustment "
                "has a positive upper bound."
            )
