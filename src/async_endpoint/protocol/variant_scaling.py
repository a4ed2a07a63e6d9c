"""The capacity of an endpoint's variant: what runs, what scaling allows, and a change of both.

An adapter over boto3's clients, shared by the functions and the client. boto3 itself is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from async_endpoint.protocol.job_events import utc_timestamp
from async_endpoint.protocol.service_errors import service_error

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIANT_NAME = "AllTraffic"
"""Name of an endpoint's one variant."""
WAKE_POLICY = "wake-from-zero"
"""Name of the step policy that starts instances by an alarm."""
WAKE_NAMESPACE = "AsyncEndpoint"
WAKE_HELD = "WakeAlarmHeld"
"""Metric with the dimension EndpointName. A datapoint, always 0, keeps the wake alarm from counting its minute."""

_NO_ENDPOINT = "Could not find"  # the beginning of DescribeEndpoint's ValidationException
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_MINUTE = timedelta(minutes=1)
# The wake alarm looks back eight minutes: what it has counted of them must not start instances that run already.
_HELD_BEFORE = 10
# PutMetricData takes times up to two hours ahead:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
_HELD_AFTER = 115


class CapacityRejected(Exception):
    """SageMaker does not change the capacity now, for example because an update is in progress; the message says so."""


@dataclass(frozen=True, kw_only=True)
class VariantCapacity:
    """The endpoint's state and its variant's capacity.

    Attributes:
        status: EndpointStatus; None if there is no endpoint.
        running: CurrentInstanceCount.
        desired: DesiredInstanceCount.
        changed_at: LastModifiedTime, in the format of job records.
    """

    status: str | None
    running: int = 0
    desired: int = 0
    changed_at: str = ""


@dataclass(frozen=True, kw_only=True)
class ScalingBounds:
    """The scalable target of a variant.

    Attributes:
        minimum: MinCapacity, which warm windows raise.
        maximum: MaxCapacity.
        scale_in_suspended: Whether dynamic scaling in is suspended.
        scale_out_suspended: Whether dynamic scaling out is suspended.
    """

    minimum: int
    maximum: int
    scale_in_suspended: bool = False
    scale_out_suspended: bool = False


class SageMaker(Protocol):
    """The used methods of boto3's client of SageMaker."""

    def describe_endpoint(self, *args: Any, **kwargs: Any) -> Any:  # boto3's own signature is generated
        """DescribeEndpoint."""

    def update_endpoint_weights_and_capacities(self, *args: Any, **kwargs: Any) -> Any:
        """UpdateEndpointWeightsAndCapacities."""


class ScalableTargets(Protocol):
    """The used method of boto3's client of Application Auto Scaling."""

    def describe_scalable_targets(self, *args: Any, **kwargs: Any) -> Any:
        """DescribeScalableTargets."""


class Metrics(Protocol):
    """The used method of boto3's client of CloudWatch."""

    def put_metric_data(self, *args: Any, **kwargs: Any) -> Any:
        """PutMetricData."""


class VariantScaling:
    """One variant of an endpoint, over boto3's clients."""

    def __init__(self, sagemaker: SageMaker, scaling: ScalableTargets, *, endpoint: str, variant: str) -> None:
        self.endpoint = endpoint
        self._sagemaker = sagemaker
        self._scaling = scaling
        self._variant = variant

    @property
    def resource_id(self) -> str:
        """The ResourceId of Application Auto Scaling."""
        return f"endpoint/{self.endpoint}/variant/{self._variant}"

    def capacity(self) -> VariantCapacity:
        """Calls DescribeEndpoint."""
        try:
            endpoint = self._sagemaker.describe_endpoint(EndpointName=self.endpoint)
        except Exception as error:
            if service_error(error).get("Message", "").startswith(_NO_ENDPOINT):
                return VariantCapacity(status=None)
            raise
        found: Sequence[dict[str, Any]] = [
            each for each in endpoint.get("ProductionVariants", []) if each["VariantName"] == self._variant
        ]
        return VariantCapacity(
            status=endpoint["EndpointStatus"],
            running=sum(each.get("CurrentInstanceCount", 0) for each in found),
            desired=sum(each.get("DesiredInstanceCount", 0) for each in found),
            changed_at=utc_timestamp(endpoint["LastModifiedTime"]),
        )

    def bounds(self) -> ScalingBounds | None:
        """Calls DescribeScalableTargets; returns None if the variant is not registered."""
        targets = self._scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[self.resource_id], ScalableDimension=_DIMENSION
        )["ScalableTargets"]
        if not targets:
            return None
        suspended = targets[0].get("SuspendedState", {})
        return ScalingBounds(
            minimum=targets[0]["MinCapacity"],
            maximum=targets[0]["MaxCapacity"],
            scale_in_suspended=suspended.get("DynamicScalingInSuspended", False),
            scale_out_suspended=suspended.get("DynamicScalingOutSuspended", False),
        )

    def set_instances(self, instances: int) -> None:
        """Calls UpdateEndpointWeightsAndCapacities.

        Raises:
            CapacityRejected: An update is in progress, or the endpoint is gone.
        """
        try:
            self._sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=self.endpoint,
                DesiredWeightsAndCapacities=[{"VariantName": self._variant, "DesiredInstanceCount": instances}],
            )
        except Exception as error:
            details = service_error(error)
            if details.get("Code") == "ValidationException":
                raise CapacityRejected(details.get("Message") or str(error)) from error
            raise


def hold_wake_alarm(metrics: Metrics, endpoint: str, *, now: datetime, seconds: int) -> None:
    """Keeps an endpoint's wake alarm from adding to a capacity that was set directly. Calls PutMetricData once.

    Until its instances run, the woken endpoint still has a backlog without capacity. The alarm would count it, and add
    as many instances again once the update is over.

    Args:
        metrics: boto3's client of CloudWatch.
        endpoint: The endpoint's name.
        now: The present minute.
        seconds: For how long from now: the wake policy's cooldown. At most 115 minutes are covered.
    """
    first = now.astimezone(UTC).replace(second=0, microsecond=0)
    after = min(_HELD_AFTER, -(-seconds // 60))
    metrics.put_metric_data(
        Namespace=WAKE_NAMESPACE,
        MetricData=[
            {
                "MetricName": WAKE_HELD,
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
                "Timestamp": first + number * _MINUTE,
                "Value": 0.0,
            }
            for number in range(-_HELD_BEFORE, after + 1)
        ],
    )
