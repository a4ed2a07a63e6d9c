"""The bounds of capacity with which a simulation begins: those that scheduled actions had set by then."""

from dataclasses import replace

from async_endpoint.autoscaling import ScalingError, Schedule
from async_endpoint.cloudwatch import MINUTE
from async_endpoint.planner.template import Scaling

_WEEK_SECONDS = 7 * 86_400
_LIMITS = ("StartTime", "EndTime")


def as_scheduled_by(scaling: Scaling, moment: float) -> Scaling:
    """Returns the scaling with the bounds that its cron actions of the last week have set by a moment.

    A simulation begins at midnight UTC, which is in the middle of a window that is warm by day in Tokyo. Actions with a
    StartTime or EndTime, rates and single moments count from the beginning only.

    Args:
        scaling: As the template has it.
        moment: The beginning, in epoch seconds, a full minute.
    """
    found = []
    for action in scaling.schedules:
        try:
            schedule = Schedule.from_expression(action["Schedule"], action.get("Timezone"))
            bounds = {name: int(value) for name, value in action.get("ScalableTargetAction", {}).items()}
        except (ScalingError, KeyError, TypeError, ValueError, AttributeError):
            return scaling  # the autoscaler says what is wrong with it
        if schedule.fields is not None and not any(name in action for name in _LIMITS):
            found.append((schedule, bounds))
    if not found:
        return scaling
    minimum, maximum = scaling.minimum, scaling.maximum
    for minute in range(int(moment) - _WEEK_SECONDS, int(moment) + 1, MINUTE):
        for schedule, bounds in found:
            if schedule.is_due(minute, moment):
                minimum = bounds.get("MinCapacity", minimum)
                maximum = bounds.get("MaxCapacity", maximum)
    return replace(scaling, minimum=minimum, maximum=maximum)
