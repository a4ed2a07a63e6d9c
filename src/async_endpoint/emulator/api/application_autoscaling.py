"""Application Auto Scaling of one region: the autoscaler of `scaling` behind its API, acting on hosted endpoints."""

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from async_endpoint.autoscaling.arns import ArnFactory
from async_endpoint.autoscaling.autoscaler import AutoScaler
from async_endpoint.autoscaling.targets import DIMENSION, NAMESPACE, TargetKey
from async_endpoint.clock import Clock
from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.errors import CapacityError, ObjectNotFoundException, ScalingError
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.cloudwatch.watched_alarms import AlarmListener
from async_endpoint.emulator.api.sagemaker import Response, json_answer, json_object
from async_endpoint.emulator.errors import AwsError, UnknownOperation
from async_endpoint.emulator.hosting.deployment import Deployment
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.emulator.service_models import received, validated

if TYPE_CHECKING:
    from async_endpoint.emulator.api.region_services import Services

# They show what became of alarms in CloudWatch, which answers on the thread that would wait for it.
BLOCKING = frozenset({"PutScalingPolicy", "DeleteScalingPolicy", "DeregisterScalableTarget"})
_RESOURCE_ID = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")


class VariantCapacities:
    """The endpoints' instance counts as the autoscaler reads and sets them.

    Args:
        find: The endpoint of a name, None where there is none.
    """

    def __init__(self, find: Callable[[str], HostedEndpoint | None]) -> None:
        self._find = find

    def desired(self, resource_id: str) -> int:
        """The instance count asked for."""
        return self._deployment(resource_id).fleet.desired

    def set_desired(self, resource_id: str, capacity: int) -> None:
        """Ask for an instance count."""
        try:
            self._endpoint(resource_id).set_capacity(capacity)
        except AwsError as error:
            raise CapacityError(error.message) from error

    def is_updating(self, resource_id: str) -> bool:
        """Whether the endpoint is in a transition of any kind, or its instances come back after a stop."""
        return self._endpoint(resource_id).is_changing

    def running(self, resource_id: str) -> int:
        """The number of instances whose model answers."""
        return self._deployment(resource_id).fleet.running

    def failure(self, resource_id: str) -> str | None:
        """Why the endpoint's last transition came to nothing, or an instance to it; None when all went well."""
        return self._endpoint(resource_id).failure_reason or self._deployment(resource_id).fleet.failure

    def _deployment(self, resource_id: str) -> Deployment:
        deployment = self._endpoint(resource_id).deployment
        if deployment is None:
            raise CapacityError(f"{resource_id} is not in service.")
        if not resource_id.endswith(f"/variant/{deployment.variant['VariantName']}"):
            raise CapacityError(f"SageMaker resource {resource_id} does not exist.")
        return deployment

    def _endpoint(self, resource_id: str) -> HostedEndpoint:
        parts = _RESOURCE_ID.fullmatch(resource_id)
        endpoint = None if parts is None else self._find(parts[1])
        if endpoint is None:
            raise CapacityError(f"SageMaker resource {resource_id} does not exist.")
        return endpoint


class ApplicationAutoScaling:
    """One region's scalable targets, policies and alarms; thread-safe.

    Args:
        identity: Account, region and ids of the ARNs.
        clock: AWS's clock.
        store: Where alarms read.
        capacities: The endpoints' variants.
        on_alarm_state: Told of each alarm that changes its state.
        in_step: What an operation of `BLOCKING`, which may change which alarms there are, is carried out in: before it
            begins, the autoscaler knows what CloudWatch holds, and when it ends the other way round. It may block.
        rules: How the points of alarms are settled that CloudWatch's guide leaves open.
    """

    def __init__(
        self,
        identity: ArnFactory,
        clock: Clock,
        store: MetricStore,
        capacities: VariantCapacities,
        on_alarm_state: AlarmListener,
        *,
        in_step: Callable[[], AbstractContextManager[None]] = nullcontext,
        rules: EvaluationRules | None = None,
    ) -> None:
        self._in_step = in_step
        self._scaler = AutoScaler(clock, store, capacities, on_alarm_state, identity, rules)
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
        """Answer one operation; one of `BLOCKING` blocks until CloudWatch shows what became of the alarms.

        Raises:
            AwsError: The request does not fit, or names what is not there.
        """
        if operation not in self._operations:
            raise UnknownOperation("application-autoscaling", operation)
        members = validated("application-autoscaling", operation, request)
        around = self._in_step if operation in BLOCKING else nullcontext
        with around(), self._lock:
            try:
                return self._operations[operation](**members)
            except ScalingError as error:
                raise AwsError(str(error), error.code, 400) from error

    def is_registered(self, resource_id: str) -> bool:
        """Whether a variant, by its resource id, has a scalable target."""
        with self._lock:
            return bool(self._scaler.describe_scalable_targets(**_target(resource_id))["ScalableTargets"])

    def deregister(self, resource_id: str) -> None:
        """Take a variant's scalable target out, if it has one."""
        with self._lock, suppress(ObjectNotFoundException):
            self._deregister(**_target(resource_id))

    def tick(self) -> None:
        """Evaluate the alarms of every minute that has ended, and scale by them."""
        with self._lock:
            self._scaler.tick()

    def put_alarm(self, alarm: MetricAlarm) -> None:
        """Watch an alarm, or take over its new settings."""
        with self._lock:
            self._scaler.put_alarm(alarm)

    def delete_alarms(self, names: list[str]) -> None:
        """Watch these no longer."""
        with self._lock:
            self._scaler.delete_alarms(names)

    def alarms(self) -> list[dict[str, Any]]:
        """Every alarm watched, as DescribeAlarms shows it: the clients' and target tracking's own."""
        with self._lock:
            return self._scaler.alarms()

    def set_alarm_state(self, name: str, state: State, reason: str, reason_data: str | None) -> None:
        """Have an alarm show a state until its next evaluation, and scale by it once, as a client has asked for."""
        with self._lock:
            self._scaler.set_alarm_state(name, state, reason, reason_data)

    def own_alarm_changed(self, name: str, *, exists: bool, actions_enabled: bool) -> None:
        """Take in whether one of target tracking's own alarms is still there, and still acts."""
        with self._lock:
            self._scaler.own_alarm_changed(name, exists=exists, actions_enabled=actions_enabled)

    def own_alarms(self) -> list[str]:
        """The names of target tracking's own alarms."""
        with self._lock:
            return self._scaler.own_alarms()

    def state(self) -> dict[str, Any]:
        """Everything that is registered, as plain JSON for `restore`."""
        with self._lock:
            return {"scaler": self._scaler.state(), "tags": self._tags}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        with self._lock:
            self._scaler.restore(state["scaler"])
            self._tags.update({arn: dict(tags) for arn, tags in state["tags"].items()})

    def _register(self, **request: Any) -> Mapping[str, Any]:
        if request.get("Tags") and self._scaler.describe_scalable_targets(**_identity(request))["ScalableTargets"]:
            raise AwsError(
                "The scalable target that you tried to tag already exists. To update tags on an existing scalable "
                "target, use the TagResource API.",
                "ValidationException",
                400,
            )
        answer = self._scaler.register_scalable_target(**request)
        self._tags.setdefault(answer["ScalableTargetARN"], {}).update(request.get("Tags", {}))
        return answer

    def _deregister(self, **request: Any) -> Mapping[str, Any]:
        found = self._scaler.describe_scalable_targets(**_identity(request))["ScalableTargets"]
        if not found:
            raise ObjectNotFoundException(f"No scalable target found for {TargetKey.from_members(request)}")
        answer = self._scaler.deregister_scalable_target(**request)
        del self._tags[found[0]["ScalableTargetARN"]]
        return answer

    def _tag(self, **request: Any) -> Mapping[str, Any]:
        self._tags_of(request).update(request["Tags"])
        return {}

    def _untag(self, **request: Any) -> Mapping[str, Any]:
        for key in request["TagKeys"]:
            self._tags_of(request).pop(key, None)
        return {}

    def _tags_of(self, request: Mapping[str, Any]) -> dict[str, str]:
        """The tags of the scalable target that a request names, to look at or change."""
        arn = request["ResourceARN"]
        if arn not in self._tags:
            raise AwsError(f"Could not find scalable target {arn}.", "ResourceNotFoundException", 400)
        return self._tags[arn]


def _identity(request: Mapping[str, Any]) -> dict[str, Any]:
    """The members that name a scalable target; malformed ones are refused before anything is looked up.

    Raises:
        ValidationException: They are of no endpoint's variant.
    """
    return TargetKey.from_members(request).describe()


def _target(resource_id: str) -> dict[str, str]:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource_id, "ScalableDimension": DIMENSION}


def handle(region: "Services", path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer one HTTP request to Application Auto Scaling; header names in lower case."""
    del path
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        request = received("application-autoscaling", operation, json_object(body))
        return json_answer(region.autoscaling.call(operation, request))
    except AwsError as error:
        return error.as_json()
