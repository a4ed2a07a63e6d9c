"""Scaling by the alarms' states: gathers the triggered policies, and carries out each decided change."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from async_endpoint.autoscaling.activities import ActivityLog, bound_cause
from async_endpoint.autoscaling.capacity import CapacityChanges, CapacityPort, Change
from async_endpoint.autoscaling.cooldowns import Cooldowns
from async_endpoint.autoscaling.decision import TriggeredPolicy, decide
from async_endpoint.autoscaling.policies import TargetTrackingPolicy
from async_endpoint.autoscaling.registry import RegisteredPolicy, Registry
from async_endpoint.autoscaling.targets import TargetKey
from async_endpoint.cloudwatch.evaluation import Evaluation
from async_endpoint.cloudwatch.watched_alarms import WatchedAlarms


class ScalingEngine:
    """Changes each target's instance count to what its bounds and policies ask for."""

    def __init__(self, registry: Registry, alarms: WatchedAlarms, port: CapacityPort, log: ActivityLog) -> None:
        self._registry = registry
        self._alarms = alarms
        self._cooldowns = Cooldowns()
        self._changes = CapacityChanges(port, log, self._cooldowns)
        self._unchecked: set[TargetKey] = set()

    def hold_to_bounds(self, key: TargetKey, at: float) -> None:
        """Brings a newly registered target within its bounds, now or when its update ends.

        Later manual changes stay: bounds are enforced when they are set, and by each scaling after that. A failed
        change is tried again each minute.
        """
        self._unchecked.add(key)
        self._check_bounds(at)

    def forget(self, key: TargetKey) -> None:
        """Drops the state of a target that is no longer registered."""
        self._cooldowns.forget(key)
        self._unchecked.discard(key)
        self._changes.forget(key)

    def state(self) -> dict[str, Any]:
        """Returns cooldowns, changes under way and targets whose bounds have to wait, as plain JSON for `restore`."""
        return {
            "cooldowns": self._cooldowns.state(),
            "under_way": self._changes.state(),
            "unchecked": [key.describe() for key in _in_order(self._unchecked | self._changes.out_of_bounds)],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` returned, after the registry and the log are restored."""
        self._cooldowns.restore(state["cooldowns"])
        self._changes.restore(state["under_way"])
        self._unchecked.update(TargetKey.from_members(key) for key in state["unchecked"])

    def settle(self, at: float) -> None:
        """Closes the changes that are complete, and enforces bounds that had to wait."""
        self._changes.settle(at)
        self._check_bounds(at)

    def scale(self, minute: int) -> None:
        """Scales every target by the states that the alarms have at a minute's boundary."""
        again, self._changes.out_of_bounds = self._changes.out_of_bounds, set()
        self._unchecked |= again
        self._check_bounds(minute)
        self._scale([signal for watched in self._alarms if (signal := watched.signal) is not None], minute)

    def invoke(self, reported: Evaluation) -> None:
        """Scales once by the evaluation that a client reports of one alarm."""
        self._scale([reported], reported.at)

    def _scale(self, signals: Sequence[Evaluation], at: float) -> None:
        for target in self._registry.targets:
            current = self._changes.available(target.key)
            triggered = self._triggered(target.key, signals)
            if current is None or not triggered:
                continue
            change = decide(target, triggered, current, self._cooldowns.get(target.key), at)
            if change is not None:
                self._changes.make(target.key, change, at)

    def _check_bounds(self, at: float) -> None:
        for key in _in_order(self._unchecked):
            current = self._changes.available(key)
            if current is None:
                continue
            self._unchecked.discard(key)
            target = self._registry.find_target(key)
            if target is None:
                continue
            within = max(target.min_capacity, min(current, target.max_capacity))
            if within != current:
                cause = bound_cause("minimum" if within > current else "maximum", within)
                self._changes.make(key, Change(current, within, cause), at)

    def _triggered(self, key: TargetKey, signals: Sequence[Evaluation]) -> list[TriggeredPolicy]:
        """Returns the policies that alarms trigger on a target; unlike other actions, they repeat while a state lasts.

        Target tracking's scale-in is left out while its datapoints are from before the last growth ("it does not
        interpret insufficient data as low utilization", user guide): an AlarmLow that lasts must not take away an
        instance that has only just started.
        """
        policies = self._registry.policies_of(key)
        grown_at = self._cooldowns.get(key).grown_at
        triggered = [
            TriggeredPolicy(policy.name, policy.policy, signal.alarm, signal.state, signal.values)
            for policy in policies
            for signal in signals
            if policy.arn in signal.alarm.actions_in(signal.state)
            if signal.alarm.breaches_above
            or signal.seen_until > grown_at
            or not isinstance(policy.policy, TargetTrackingPolicy)
        ]
        going_off = {watched.alarm.name for watched in self._alarms if watched.state == "ALARM"}
        going_off |= {signal.alarm.name for signal in signals if signal.state == "ALARM"}
        agreed = all(_would_scale_in(policy, going_off) for policy in policies)
        return [each for each in triggered if agreed or not each.tracks_inwards]


def _in_order(keys: Iterable[TargetKey]) -> list[TargetKey]:
    return sorted(keys, key=lambda key: key.resource_id)


def _would_scale_in(policy: RegisteredPolicy, going_off: Collection[str]) -> bool:
    """Returns whether a policy agrees to target tracking's scale-in, by the names of alarms in ALARM.

    Only a target-tracking policy with scale-in can disagree; it agrees while its AlarmLow is in ALARM. AWS does not say
    what happens once a client has deleted its AlarmLow; here it does not agree.
    """
    if not isinstance(policy.policy, TargetTrackingPolicy) or policy.policy.disable_scale_in:
        return True
    _, low = policy.own_alarms()
    return low.name in going_off
