"""Which change, if any, the policies that alarms trigger in one minute make together.

Source of the rules: Application Auto Scaling user guide, "Multiple scaling policies" and the cooldown sections.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from async_endpoint.autoscaling.activities import alarm_cause
from async_endpoint.autoscaling.capacity import Change
from async_endpoint.autoscaling.cooldowns import Cooldown
from async_endpoint.autoscaling.policies import Breach, Policy, StepScalingPolicy
from async_endpoint.autoscaling.targets import ScalableTarget
from async_endpoint.cloudwatch.alarms import MetricAlarm, State


@dataclass(frozen=True)
class TriggeredPolicy:
    """A policy that an alarm triggers; `values` are the datapoints that decided the alarm's state, newest first."""

    policy_name: str
    policy: Policy
    alarm: MetricAlarm
    state: State
    values: tuple[float, ...]

    def desired_capacity(self, capacity: int) -> int | None:
        """Returns what the policy asks for from `capacity`, or None when it asks for nothing.

        Target tracking never goes against its alarm: AlarmHigh only adds and AlarmLow only removes.
        """
        if isinstance(self.policy, StepScalingPolicy):
            return self.policy.desired_capacity(
                capacity, Breach(self.values, self.alarm.threshold, self.alarm.breaches_above)
            )
        if not self.values or (self.tracks_inwards and self.policy.disable_scale_in):
            return None
        wanted = self.policy.desired_capacity(capacity, self.values[0])
        return max(capacity, wanted) if self.alarm.breaches_above else min(capacity, wanted)

    @property
    def tracks_inwards(self) -> bool:
        """Returns whether this is target tracking's scale-in half."""
        return not isinstance(self.policy, StepScalingPolicy) and not self.alarm.breaches_above


def decide(
    target: ScalableTarget, triggered: Sequence[TriggeredPolicy], current: int, cooldown: Cooldown, at: float
) -> Change | None:
    """Returns the change that the triggered policies make of `current` instances, or None.

    The largest capacity wins; of several policies that ask for it, the first. The caller leaves out target tracking's
    scale-in unless all target-tracking policies agree to it; a step policy's scale-in needs no agreement.
    """
    best: tuple[int, TriggeredPolicy] | None = None
    for each in triggered:
        capacity = _allowed(target, each, current, cooldown, at)
        if capacity is not None and (best is None or capacity > best[0]):
            best = (capacity, each)
    if best is None or best[0] == current:
        return None
    after, chosen = best
    return Change(
        before=current,
        after=after,
        cause=alarm_cause(chosen.alarm.name, chosen.state, chosen.policy_name),
        cooldown=chosen.policy.cooldown_after(outwards=after > current),
    )


def _allowed(
    target: ScalableTarget, triggered: TriggeredPolicy, current: int, cooldown: Cooldown, at: float
) -> int | None:
    """Returns the capacity that one policy gets within the bounds: `current` if its change must wait.

    A bound never reverses a change: a scale-out of a target above its maximum leaves the target there.
    """
    wanted = triggered.desired_capacity(current)
    if wanted is None or wanted == current:
        return wanted
    if wanted > current:
        if target.suspended.scaling_out:
            return current
        counted = triggered.desired_capacity(cooldown.base(current, at))
        return current if counted is None else max(current, min(counted, target.max_capacity))
    if target.suspended.scaling_in or cooldown.blocks_scale_in(at):
        return current
    return min(current, max(wanted, target.min_capacity))
