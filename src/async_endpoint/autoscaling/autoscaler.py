"""Application Auto Scaling and CloudWatch's alarms for SageMaker endpoint variants, as one object that is ticked."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

from async_endpoint.autoscaling.activities import ActivityLog
from async_endpoint.autoscaling.arns import ArnFactory
from async_endpoint.autoscaling.capacity import CapacityPort
from async_endpoint.autoscaling.engine import ScalingEngine
from async_endpoint.autoscaling.policies import policy_from_members
from async_endpoint.autoscaling.registry import RegisteredPolicy, Registry, matches, page
from async_endpoint.autoscaling.scheduled_scaling import ScheduledScaling
from async_endpoint.autoscaling.targets import ScalableTarget, TargetKey
from async_endpoint.clock import Clock
from async_endpoint.cloudwatch import alarm_reasons, members
from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.errors import CapacityError, ValidationException
from async_endpoint.cloudwatch.evaluation import Evaluation
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.cloudwatch.watched_alarms import AlarmListener, WatchedAlarms


class AutoScaler:
    """Scalable targets, scaling policies and alarms.

    The operations take and answer the members of the API's operations of the same name; times are in epoch seconds.
    Nothing here runs by itself and nothing is locked: the caller calls `tick` every now and then, under the same lock
    as everything else.

    Args:
        clock: AWS's clock; alarms are evaluated at its full minutes.
        metrics: where alarms read; whoever publishes metrics puts them there before the tick.
        capacity: the endpoint variants.
        on_alarm_state: called with each alarm whose state changes, the old state, the new one and the reason. Actions
            that are scaling policies are carried out here; all others are the callback's to carry out, once a change.
        identity: account, region and ids for the ARNs.
        rules: how the points of alarms are settled that CloudWatch's guide leaves open.
    """

    def __init__(  # noqa: PLR0917 - what it is wired to
        self,
        clock: Clock,
        metrics: MetricStore,
        capacity: CapacityPort,
        on_alarm_state: AlarmListener | None = None,
        identity: ArnFactory | None = None,
        rules: EvaluationRules | None = None,
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        self._identity = identity or ArnFactory()
        self._registry = Registry()
        self._alarms = WatchedAlarms(metrics, self._identity.alarm, on_alarm_state, rules)
        self._log = ActivityLog(self._identity.new_id)
        self._engine = ScalingEngine(self._registry, self._alarms, capacity, self._log)
        self._scheduled = ScheduledScaling(self._registry, self._engine, self._log, self._identity)
        self._minute = math.floor(clock.now() / MINUTE) * MINUTE

    def register_scalable_target(self, **request: object) -> dict[str, Any]:
        """Register a target or change one; what an update leaves out stays as it was.

        An instance count outside the bounds is brought to the nearer one, at once or when the endpoint's update ends.

        Raises:
            ValidationException: a member is missing or wrong, or the endpoint variant does not exist.
        """
        previous = self._registry.find_target(TargetKey.from_members(request))
        arn = previous.arn if previous else self._identity.new_target()
        target = ScalableTarget.from_members(request, arn, self._clock.now(), previous)
        try:
            self._capacity.desired(target.key.resource_id)
        except CapacityError as error:
            raise ValidationException(str(error)) from error
        # A change that has ended since the last tick must not keep the new bounds waiting.
        self._engine.settle(self._clock.now())
        self._registry.put_target(target)
        self._engine.hold_to_bounds(target.key, self._clock.now())
        return {"ScalableTargetARN": target.arn}

    def deregister_scalable_target(self, **request: object) -> dict[str, Any]:
        """Take a target out, and its policies with it.

        Raises:
            ObjectNotFoundException: it is not registered.
        """
        key = self._registry.target(TargetKey.from_members(request)).key
        for policy in self._registry.policies_of(key):
            self._remove_policy(policy)
        self._scheduled.forget(key)
        self._registry.remove_target(key)
        self._engine.forget(key)
        return {}

    def describe_scalable_targets(self, **request: object) -> dict[str, Any]:
        """Describe the targets that ServiceNamespace, ResourceIds and ScalableDimension select."""
        found = [target.describe() for target in self._registry.targets if matches(target.key, request)]
        return page("ScalableTargets", found, request)

    def put_scaling_policy(self, **request: object) -> dict[str, Any]:
        """Make a policy or replace one; its type, its ARN and the names of target tracking's alarms stay.

        Raises:
            ObjectNotFoundException: the target is not registered.
            ValidationException: a member is missing or wrong, or another policy tracks the same metric.
            LimitExceededException: the target would have too many policies, or the policy has too many steps.
        """
        key = self._registry.target(TargetKey.from_members(request)).key
        name = members.text(request, "PolicyName")
        known = self._registry.find_policy(key, name)
        policy = policy_from_members(request, key, known.policy if known else None)
        if known is None:
            ids = (self._identity.new_id(), self._identity.new_id())
            arn = self._identity.new_policy(key, name)
            registered = RegisteredPolicy(key, name, arn, policy, self._clock.now(), ids)
        else:
            registered = dataclasses.replace(known, policy=policy)
        self._registry.check_policy(registered)
        self._registry.put_policy(registered)
        for alarm in registered.own_alarms():
            self.put_alarm(alarm)
        return {"PolicyARN": registered.arn, "Alarms": self._alarms_of(registered)}

    def delete_scaling_policy(self, **request: object) -> dict[str, Any]:
        """Delete a policy, target tracking's own alarms, and the policy's ARN from other alarms' actions.

        Raises:
            ObjectNotFoundException: it does not exist.
        """
        key = TargetKey.from_members(request)
        self._remove_policy(self._registry.policy(key, members.text(request, "PolicyName")))
        return {}

    def describe_scaling_policies(self, **request: object) -> dict[str, Any]:
        """Describe the policies that ServiceNamespace, ResourceId, ScalableDimension and PolicyNames select."""
        names = members.texts(request, "PolicyNames")
        found = [
            policy.describe() | {"Alarms": self._alarms_of(policy)}
            for policy in self._registry
            if matches(policy.target, request) and (not names or policy.name in names)
        ]
        return page("ScalingPolicies", found, request, most=10)

    def put_scheduled_action(self, **request: object) -> dict[str, Any]:
        """Make a scheduled action or change one; what an update leaves out stays as it was, but for the times.

        Raises:
            ObjectNotFoundException: the target is not registered.
            ValidationException: a member is missing or wrong.
            LimitExceededException: the target would have too many scheduled actions.
        """
        self._scheduled.put(request, self._clock.now())
        return {}

    def delete_scheduled_action(self, **request: object) -> dict[str, Any]:
        """Delete a scheduled action.

        Raises:
            ObjectNotFoundException: it does not exist.
        """
        self._scheduled.delete(request)
        return {}

    def describe_scheduled_actions(self, **request: object) -> dict[str, Any]:
        """Describe the scheduled actions that ServiceNamespace, ResourceId and ScheduledActionNames select."""
        return self._scheduled.describe(request)

    def describe_scaling_activities(self, **request: object) -> dict[str, Any]:
        """Describe the activities that ServiceNamespace, ResourceId and ScalableDimension select, newest first."""
        found = [activity.describe() for activity in self._log if matches(activity.target, request)]
        return page("ScalingActivities", found, request)

    def activities(self) -> list[dict[str, Any]]:
        """Return every scaling activity, newest first."""
        return [activity.describe() for activity in self._log]

    def put_alarm(self, alarm: MetricAlarm) -> None:
        """Make an alarm, or replace the settings of the one with its name, whose state then stays as it is."""
        self._alarms.put(alarm, self._clock.now())

    def delete_alarms(self, names: Iterable[str]) -> None:
        """Delete alarms; names that do not exist are passed over."""
        self._alarms.delete(names)

    def alarms(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return the alarms, or those of the names given, as DescribeAlarms' MetricAlarms."""
        return [known.describe() for known in self._alarms if names is None or known.alarm.name in names]

    def set_alarm_state(self, name: str, state: State, reason: str, reason_data: str | None = None) -> None:
        """Have an alarm show a state until its next evaluation, as SetAlarmState does; unknown names are passed over.

        "When the updated state differs from the previous value, the action configured for the appropriate state is
        invoked" (API reference): scaling policies here, all others by the listener. The policies' values are the
        recentDatapoints of `reason_data`, a StateReasonData.
        """
        now, watched = self._clock.now(), self._alarms.get(name)
        if watched is None or not self._alarms.set_state(watched, state, reason, reason_data, now):
            return
        # A change that has ended since the last tick must not be taken for one under way.
        self._engine.settle(now)
        values = alarm_reasons.recent_datapoints(reason_data)
        self._engine.invoke(Evaluation.reported(watched.alarm, state, values, now))

    def own_alarms(self) -> list[str]:
        """Return the names of the alarms that target tracking made for itself and that exist."""
        made = [alarm.name for policy in self._registry for alarm in policy.own_alarms()]
        return [name for name in made if self._alarms.get(name) is not None]

    def own_alarm_changed(self, name: str, *, exists: bool, actions_enabled: bool) -> None:
        """Take in what a client did to one of target tracking's alarms: deleted it, or switched its actions.

        An alarm that was deleted is neither evaluated nor listed with its policy until PutScalingPolicy makes it
        again, with its actions on. Alarms that are not target tracking's are passed over.
        """
        if name not in self.own_alarms():
            return
        if exists:
            self._alarms.switch_actions(name, enabled=actions_enabled)
        else:
            self._alarms.delete([name])

    def state(self) -> dict[str, Any]:
        """Return everything that is registered, watched and remembered, as plain JSON for `restore`."""
        return {
            "targets": [target.describe() for target in self._registry.targets],
            "policies": [policy.describe() | {"AlarmIds": list(policy.alarm_ids)} for policy in self._registry],
            "scheduled_actions": self._scheduled.state(),
            "alarms": self._alarms.state(),
            "activities": self._log.state(),
            **self._engine.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave; to be called before anything else, on a clock that is not behind.

        The minutes in between are not made up for: no alarm was evaluated in them and no action carried out.
        """
        for target in state["targets"]:
            arn, created = target["ScalableTargetARN"], target["CreationTime"]
            self._registry.put_target(ScalableTarget.from_members(target, arn, created))
        for policy in state["policies"]:
            key = TargetKey.from_members(policy)
            name, arn, created = policy["PolicyName"], policy["PolicyARN"], policy["CreationTime"]
            high, low = policy["AlarmIds"]
            settings = policy_from_members(policy, key)
            self._registry.put_policy(RegisteredPolicy(key, name, arn, settings, created, (high, low)))
        self._scheduled.restore(state["scheduled_actions"])
        self._alarms.restore(state["alarms"])
        self._log.restore(state["activities"], taken_up=[activity for activity, *_ in state["under_way"]])
        self._engine.restore(state)

    def tick(self) -> None:
        """Catch up with the clock: evaluate the alarms at each minute since the last tick, and scale by them."""
        now = self._clock.now()
        self._engine.settle(now)
        while self._minute + MINUTE <= now:
            self._minute += MINUTE
            self._scheduled.carry_out(self._minute)
            self._alarms.evaluate(self._minute)
            self._engine.scale(self._minute)

    def _remove_policy(self, policy: RegisteredPolicy) -> None:
        self._registry.remove_policy(policy)
        self._alarms.delete(alarm.name for alarm in policy.own_alarms())
        self._alarms.forget_action(policy.arn)

    def _alarms_of(self, policy: RegisteredPolicy) -> list[dict[str, Any]]:
        return [
            {"AlarmName": watched.alarm.name, "AlarmARN": watched.arn} for watched in self._alarms.naming(policy.arn)
        ]
