"""The wake policy and its alarm in the two presets, as stacks/constructs/scale_to_zero.py makes them."""

from __future__ import annotations

import copy
import math
from typing import Any, Final

from async_endpoint.planner.errors import PlanError

RESPONSIVE: Final = "responsive"
AWS: Final = "aws"
PRESETS: Final = (RESPONSIVE, AWS)
_EXPRESSIONS = {RESPONSIVE: "MIN([nocap, held]) * MAX([nocap, backlog])", AWS: "MIN([nocap, held])"}
_MOST_STEPS = 20  # https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html
_BACKLOG = "backlog"

Alarm = dict[str, Any]


def preset_of(alarm: Alarm) -> str:
    """Returns the preset of a wake alarm.

    Raises:
        PlanError: It is of no preset of this project.
    """
    expression = next((each["Expression"] for each in alarm.get("Metrics", ()) if "Expression" in each), None)
    for preset, known in _EXPRESSIONS.items():
        if expression == known:
            return preset
    raise PlanError("The wake alarm is of no preset of this project: synthesise the stage again with this release.")


def write_alarm(alarm: Alarm, preset: str) -> None:
    """Has a wake alarm be of a preset."""
    kept = {each["Id"]: each for each in alarm["Metrics"] if each["Id"] != _BACKLOG}
    kept["result"]["Expression"] = _EXPRESSIONS[preset]
    if preset == RESPONSIVE:
        # The same statistic of the same dimensions as `nocap`.
        backlog = copy.deepcopy(kept["nocap"])
        backlog["Id"] = _BACKLOG
        backlog["MetricStat"]["Metric"]["MetricName"] = "ApproximateBacklogSize"
        kept[_BACKLOG] = backlog
    alarm["Metrics"] = list(kept.values())


def steps(preset: str, most: int, share: int) -> list[dict[str, int]]:
    """Returns the steps of the wake policy.

    Args:
        preset: The preset.
        most: MaxCapacity.
        share: Waiting requests for each instance.
    """
    if preset == AWS:
        return [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]
    count = min(most, _MOST_STEPS)
    sizes = [math.ceil(most * step / count) for step in range(1, count + 1)]
    found = []
    for smaller, size in zip([0, *sizes[:-1]], sizes, strict=True):
        step = {"MetricIntervalLowerBound": smaller * share, "ScalingAdjustment": size}
        if size < most:
            step["MetricIntervalUpperBound"] = size * share
        found.append(step)
    return found
