"""Application Auto Scaling and CloudWatch's alarms for SageMaker endpoint variants, as one object that is ticked."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from async_endpoint.autoscaling.activities import ActivityLog
from async_endpoint.autoscaling.arns import ArnFactory
from async_endpoint.autoscaling.capacity import CapacityPort
from async_endpoint.autoscaling.describe_requests import POLICIES_PAGE_SIZE, is_selected, paginate
from async_endpoint.autoscaling.engine import ScalingEngine
from async_endpoint.autoscaling.errors import CapacityError, ValidationException
from async_endpoint.autoscaling.policies import policy_from_members
from async_endpoint.autoscaling.registry import RegisteredPolicy, Registry
from async_endpoint.autoscaling.scheduled_scaling import ScheduledScaling
from async_endpoint.autoscaling.targets import ScalableTarget, TargetKey
from async_endpoint.clock import Clock
from async_endpoint.cloudwatch.alarm_reasons import recent_datapoints
from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.evaluation import Evaluation
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.cloudwatch.watched_alarms import AlarmListener, WatchedAlarms


class AutoScaler:
    """Scalable targets, scaling policies and alarms.

    The operations take and return the members of the API's operations of the same name, valid and typed by the API's
    model; times are in epoch seconds. Nothing here runs by itself and nothing is locked: the caller calls `tick` every
    now and then, under the same lock as everything else.

    Args:
        clock: AWS's clock; alarms are evaluated at its full minutes.
        metrics: Where alarms read; the publisher of a metric puts it there before the tick.
        capacity: The endpoint variants.
        on_alarm_state: Called with each alarm whose state changes, the old state, the new one and the reason. Actions
            that are scaling policies are carried out here; the callback carries out all others, once a change.
        arns: Makes the ARNs, and the ids in them.
        rules: How the points of alarm evaluation are settled that CloudWatch's guide leaves open.
    """

    def __init__(
        self,
        clock: Clock,
        metrics: MetricStore,
        capacity: CapacityPort,
        *,
        on_alarm_state: AlarmListener | None = None,
        arns: ArnFactory | None = None,
        rules: EvaluationRules | None = None,
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        self._arns = arns or ArnFactory()
        self._registry = Registry()
        self._alarms = WatchedAlarms(metrics, self._arns.alarm, on_alarm_state, rules)
        self._log = ActivityLog(self._arns.new_id)
        self._engine = ScalingEngine(self._registry, self._alarms, capacity, self._log)
        self._scheduled = ScheduledScaling(self._registry, self._engine, self._log, self._arns)
        self._minute = math.floor(clock.now() / MINUTE) * MINUTE

    def register_scalable_target(self, **request: Any) -> dict[str, Any]:
        """Registers a target or changes one; an update keeps what it leaves out.

        An instance count outside the bounds is brought to the nearer one, at once or when the endpoint's update ends.

        Raises:
            ValidationException: A bound is missing or wrong, or the endpoint variant does not exist.
        """
        previous = self._registry.find_target(TargetKey.from_members(request))
        arn = previous.arn if previous else self._arns.new_target()
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

    def deregister_scalable_target(self, **request: Any) -> dict[str, Any]:
        """Removes a target with its policies and scheduled actions.

        Raises:
            ObjectNotFoundException: The target is not registered.
        """
        key = self._registry.target(TargetKey.from_members(request)).key
        for policy in self._registry.policies_of(key):
            self._remove_policy(policy)
        self._scheduled.forget(key)
        self._registry.remove_target(key)
        self._engine.forget(key)
        return {}

    def describe_scalable_targets(self, **request: Any) -> dict[str, Any]:
        """Describes the targets that ServiceNamespace, ResourceIds and ScalableDimension select."""
        found = [target.describe() for target in self._registry.targets if is_selected(target.key, request)]
        return paginate("ScalableTargets", found, request)

    def put_scaling_policy(self, **request: Any) -> dict[str, Any]:
        """Creates a policy or replaces one, whose type, ARN and names of target tracking's alarms stay.

        Raises:
            ObjectNotFoundException: The target is not registered.
            ValidationException: The configuration is missing or wrong, or another policy tracks the same metric.
            LimitExceededException: The target would have too many policies, or the policy has too many steps.
        """
        key = self._registry.target(TargetKey.from_members(request)).key
        name = request["PolicyName"]
        known = self._registry.find_policy(key, name)
        policy = policy_from_members(request, key, known.policy if known else None)
        if known is None:
            ids = (self._arns.new_id(), self._arns.new_id())
            arn = self._arns.new_policy(key, name)
            registered = RegisteredPolicy(key, name, arn, policy, self._clock.now(), ids)
        else:
            registered = dataclasses.replace(known, policy=policy)
        self._registry.check_policy(registered)
        self._registry.put_policy(registered)
        for alarm in registered.own_alarms():
            self.put_alarm(alarm)
        return {"PolicyARN": registered.arn, "Alarms": self._alarms_of(registered)}

    def delete_scaling_policy(self, **request: Any) -> dict[str, Any]:
        """Deletes a policy, target tracking's own alarms, and the policy's ARN from other alarms' actions.

        Raises:
            ObjectNotFoundException: The policy does not exist.
        """
        self._remove_policy(self._registry.policy(TargetKey.from_members(request), request["PolicyName"]))
        return {}

    def describe_scaling_policies(self, **request: Any) -> dict[str, Any]:
        """Describes the policies that ServiceNamespace, ResourceId, ScalableDimension and PolicyNames select."""
        names = request.get("PolicyNames")
        found = [
            policy.describe() | {"Alarms": self._alarms_of(policy)}
            for policy in self._registry
            if is_selected(policy.target, request) and (not names or policy.name in names)
        ]
        return paginate("ScalingPolicies", found, request, most=POLICIES_PAGE_SIZE)

    def put_scheduled_action(self, **request: Any) -> dict[str, Any]:
        """Creates a scheduled action or changes one; an update keeps what it leaves out, except the times.

        Raises:
            ObjectNotFoundException: The target is not registered.
            ValidationException: A member is missing or wrong.
            LimitExceededException: The target would have too many scheduled actions.
        """
        self._scheduled.put(request, self._clock.now())
        return {}

    def delete_scheduled_action(self, **request: Any) -> dict[str, Any]:
        """Deletes a scheduled action.

        Raises:
            ObjectNotFoundException: The action does not exist.
        """
        self._scheduled.delete(request)
        return {}

    def describe_scheduled_actions(self, **request: Any) -> dict[str, Any]:
        """Describes the scheduled actions that ServiceNamespace, ResourceId and ScheduledActionNames select."""
        return self._scheduled.describe(request)

    def describe_scaling_activities(self, **request: Any) -> dict[str, Any]:
        """Describes the activities that ServiceNamespace, ResourceId and ScalableDimension select, newest first."""
        found = [activity.describe() for activity in self._log if is_selected(activity.target, request)]
        return paginate("ScalingActivities", found, request)

    def activities(self) -> list[dict[str, Any]]:
        """Returns every scaling activity, newest first."""
        return [activity.describe() for activity in self._log]

    def put_alarm(self, alarm: MetricAlarm) -> None:
        """Creates an alarm, or replaces the settings of the one with its name, whose state then stays."""
        self._alarms.put(alarm, self._clock.now())

    def delete_alarms(self, names: Iterable[str]) -> None:
        """Deletes alarms; names that do not exist are ignored."""
        self._alarms.delete(names)

    def alarms(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Returns all alarms, or those of the names given, as DescribeAlarms' MetricAlarms."""
        return [known.describe() for known in self._alarms if names is None or known.alarm.name in names]

    def set_alarm_state(self, name: str, state: State, reason: str, reason_data: str | None = None) -> None:
        """Sets an alarm's state until its next evaluation, as SetAlarmState does; unknown names are ignored.

        "When the updated state differs from the previous value, the action configured for the appropriate state is
        invoked" (API reference): scaling policies here, all others by the listener. The policies' values are the
        recentDatapoints of `reason_data`, a StateReasonData.
        """
        now, watched = self._clock.now(), self._alarms.get(name)
        if watched is None or not self._alarms.set_state(watched, state, reason, reason_data, now):
            return
        # A change that has ended since the last tick must not be taken for one under way.
        self._engine.settle(now)
        values = recent_datapoints(reason_data)
        self._engine.invoke(Evaluation.from_reported_state(watched.alarm, state, values, now))

    def own_alarms(self) -> list[str]:
        """Returns the names of the alarms that target tracking created for itself and that exist."""
        made = [alarm.name for policy in self._registry for alarm in policy.own_alarms()]
        return [name for name in made if self._alarms.get(name) is not None]

    def own_alarm_changed(self, name: str, *, exists: bool, actions_enabled: bool) -> None:
        """Applies what a client did to one of target tracking's alarms: deleted it, or switched its actions.

        A deleted alarm is neither evaluated nor listed with its policy until PutScalingPolicy creates it again, with
        its actions on. Alarms that are not target tracking's are ignored.
        """
        if name not in self.own_alarms():
            return
        if exists:
            self._alarms.switch_actions(name, enabled=actions_enabled)
        else:
            self._alarms.delete([name])

    def state(self) -> dict[str, Any]:
        """Returns everything that is registered, watched and remembered, as plain JSON for `restore`."""
        return {
            "targets": [target.describe() for target in self._registry.targets],
            "policies": [policy.describe() | {"AlarmIds": list(policy.alarm_ids)} for policy in self._registry],
            "scheduled_actions": self._scheduled.state(),
            "alarms": self._alarms.state(),
            "activities": self._log.state(),
            **self._engine.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what `state` returned; call it before anything else, on a clock that is not behind.

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
        """Catches up with the clock: evaluates the alarms at each minute since the last tick, and scales by them."""
        now = self._clock.now()
        self._engine.settle(now)
        while self._minute + MINUTE <= now:
            self._minute += MINUTE
            self._scheduled.carry_out(self._minute)
            self._alarms.evaluate(self._minute)
            self._engine.scale(self._minute)

    def skip(self) -> None:
        """Catches up with the clock without what `tick` does: for minutes in which nothing could have changed.

        No alarm is evaluated in them, and no scheduled action carried out.
        """
        self._minute = math.floor(self._clock.now() / MINUTE) * MINUTE

    def _remove_policy(self, policy: RegisteredPolicy) -> None:
        self._registry.remove_policy(policy)
        self._alarms.delete(alarm.name for alarm in policy.own_alarms())
        self._alarms.forget_action(policy.arn)

    def _alarms_of(self, policy: RegisteredPolicy) -> list[dict[str, Any]]:
        return [
            {"AlarmName": watched.alarm.name, "AlarmARN": watched.arn} for watched in self._alarms.naming(policy.arn)
        ]
