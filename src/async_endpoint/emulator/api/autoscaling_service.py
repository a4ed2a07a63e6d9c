"""Application Auto Scaling of one region: an `AutoScaler` of the region's endpoints, behind the API's operations."""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from http import HTTPStatus
from typing import Any

from async_endpoint.autoscaling.arns import ArnFactory
from async_endpoint.autoscaling.autoscaler import AutoScaler
from async_endpoint.autoscaling.capacity import CapacityPort
from async_endpoint.autoscaling.errors import ObjectNotFoundException, ScalingError
from async_endpoint.autoscaling.targets import DIMENSION, NAMESPACE, TargetKey
from async_endpoint.clock import Clock
from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.cloudwatch.watched_alarms import AlarmListener
from async_endpoint.emulator.errors import AwsError, UnknownOperation
from async_endpoint.emulator.service_models import validated

# They wait until CloudWatch shows their alarms, and CloudWatch responds on the thread that would wait.
BLOCKING = frozenset({"PutScalingPolicy", "DeleteScalingPolicy", "DeregisterScalableTarget"})


class ApplicationAutoScaling:
    """One region's scalable targets, policies and alarms; thread-safe.

    Args:
        arns: Account, region and ids of the ARNs.
        clock: AWS's clock.
        store: Where alarms read.
        capacities: The endpoints' variants.
        on_alarm_state: Called with each alarm that changes its state.
        in_step: The context of an operation of `BLOCKING`, which may change which alarms there are: on entry, the
            autoscaler learns what CloudWatch holds, and on exit the other way round. It may block.
        rules: How the points of alarm evaluation are settled that CloudWatch's guide leaves open.
    """

    def __init__(
        self,
        arns: ArnFactory,
        clock: Clock,
        store: MetricStore,
        capacities: CapacityPort,
        *,
        on_alarm_state: AlarmListener,
        in_step: Callable[[], AbstractContextManager[None]] = nullcontext,
        rules: EvaluationRules | None = None,
    ) -> None:
        self._in_step = in_step
        self._scaler = AutoScaler(clock, store, capacities, on_alarm_state=on_alarm_state, arns=arns, rules=rules)
        self._tags: dict[str, dict[str, str]] = {}  # of scalable targets, by ARN
        self._lock = threading.RLock()
        self._operations: dict[str, Callable[..., Mapping[str, Any]]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._scaler.describe_scalable_targets,
            "PutScalingPolicy": self._scaler.put_scaling_policy,
            "DeleteScalingPolicy": self._scaler.delete_scaling_policy,
            "DescribeScalingPolicies": self._scaler.describe_scaling_policies,
            "DescribeScalingActivities": self._scaler.describe_scaling_activities,
            "PutScheduledAction": self._scaler.put_scheduled_action,
            "DeleteScheduledAction": self._scaler.delete_scheduled_action,
            "DescribeScheduledActions": self._scaler.describe_scheduled_actions,
            "ListTagsForResource": lambda **request: {"Tags": dict(self._tags_of(request))},
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carries out one operation; one of `BLOCKING` blocks until CloudWatch shows the changed alarms.

        Raises:
            AwsError: The request is not valid, or names what does not exist.
        """
        if operation not in self._operations:
            raise UnknownOperation("application-autoscaling", operation)
        members = validated("application-autoscaling", operation, request)
        around = self._in_step if operation in BLOCKING else nullcontext
        with around(), self._lock:
            try:
                return self._operations[operation](**members)
            except ScalingError as error:
                raise AwsError(str(error), error.code, HTTPStatus.BAD_REQUEST) from error

    def is_registered(self, resource_id: str) -> bool:
        """Returns whether a variant, by its resource id, is a scalable target."""
        with self._lock:
            return bool(self._scaler.describe_scalable_targets(**_target(resource_id))["ScalableTargets"])

    def deregister(self, resource_id: str) -> None:
        """Deregisters a variant, if it is a scalable target."""
        with self._lock, suppress(ObjectNotFoundException):
            self._deregister(**_target(resource_id))

    def tick(self) -> None:
        """Evaluates the alarms of every minute that has ended, and scales by them."""
        with self._lock:
            self._scaler.tick()

    def put_alarm(self, alarm: MetricAlarm) -> None:
        """Watches an alarm, or takes over its new settings."""
        with self._lock:
            self._scaler.put_alarm(alarm)

    def delete_alarms(self, names: list[str]) -> None:
        """Stops watching alarms."""
        with self._lock:
            self._scaler.delete_alarms(names)

    def alarms(self) -> list[dict[str, Any]]:
        """Returns every watched alarm, the clients' and target tracking's own, as DescribeAlarms shows it."""
        with self._lock:
            return self._scaler.alarms()

    def set_alarm_state(self, name: str, state: State, reason: str, reason_data: str | None) -> None:
        """Sets an alarm's state until its next evaluation, and scales by that state once, as SetAlarmState does."""
        with self._lock:
            self._scaler.set_alarm_state(name, state, reason, reason_data)

    def own_alarm_changed(self, name: str, *, exists: bool, actions_enabled: bool) -> None:
        """Applies what a client did to one of target tracking's own alarms."""
        with self._lock:
            self._scaler.own_alarm_changed(name, exists=exists, actions_enabled=actions_enabled)

    def own_alarms(self) -> list[str]:
        """Returns the names of target tracking's own alarms."""
        with self._lock:
            return self._scaler.own_alarms()

    def state(self) -> dict[str, Any]:
        """Returns everything that is registered, as plain JSON for `restore`."""
        with self._lock:
            return {"scaler": self._scaler.state(), "tags": self._tags}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` returned."""
        with self._lock:
            self._scaler.restore(state["scaler"])
            self._tags.update({arn: dict(tags) for arn, tags in state["tags"].items()})

    def _register(self, **request: Any) -> Mapping[str, Any]:
        if request.get("Tags") and self._scaler.describe_scalable_targets(**_identity(request))["ScalableTargets"]:
            raise AwsError(
                "The scalable target that you tried to tag already exists. To update tags on an existing scalable "
                "target, use the TagResource API.",
                "ValidationException",
                HTTPStatus.BAD_REQUEST,
            )
        response = self._scaler.register_scalable_target(**request)
        self._tags.setdefault(response["ScalableTargetARN"], {}).update(request.get("Tags", {}))
        return response

    def _deregister(self, **request: Any) -> Mapping[str, Any]:
        found = self._scaler.describe_scalable_targets(**_identity(request))["ScalableTargets"]
        if not found:
            raise ObjectNotFoundException(f"No scalable target found for {TargetKey.from_members(request)}")
        response = self._scaler.deregister_scalable_target(**request)
        del self._tags[found[0]["ScalableTargetARN"]]
        return response

    def _tag(self, **request: Any) -> Mapping[str, Any]:
        self._tags_of(request).update(request["Tags"])
        return {}

    def _untag(self, **request: Any) -> Mapping[str, Any]:
        for key in request["TagKeys"]:
            self._tags_of(request).pop(key, None)
        return {}

    def _tags_of(self, request: Mapping[str, Any]) -> dict[str, str]:
        """Returns the tags of the scalable target that a request names, to read or change."""
        arn = request["ResourceARN"]
        if arn not in self._tags:
            raise AwsError(
                f"Could not find scalable target {arn}.", "ResourceNotFoundException", HTTPStatus.BAD_REQUEST
            )
        return self._tags[arn]


def _identity(request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the members that name a scalable target, checked before anything is looked up.

    Raises:
        ValidationException: They do not name an endpoint's variant.
    """
    return TargetKey.from_members(request).describe()


def _target(resource_id: str) -> dict[str, str]:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource_id, "ScalableDimension": DIMENSION}
