"""A fleet that the policies and alarms of a template scale, and work for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_cdk.assertions import Template

from async_endpoint.cloudwatch import Delivery, EvaluationRules, MetricKey
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from async_endpoint.emulator.service_models import validated
from tests.autoscaling.fleet import ENDPOINT, TARGET, Fleet

OF_QUEUE = {"EndpointName": ENDPOINT}
OF_VARIANT = {"EndpointName": ENDPOINT, "VariantName": "AllTraffic"}
INSTANCES = "/aws/sagemaker/Endpoints"
TICK = 10  # seconds


def scaled(
    template: Template, most: int = 2, delivery: Delivery | None = None, rules: EvaluationRules | None = None
) -> Fleet:
    """Returns a fleet with a template's policies and alarms, their references resolved."""
    fleet = Fleet(most=most, delivery=delivery, rules=rules)
    arns: dict[str, str] = {}
    for logical_id, policy in template.find_resources("AWS::ApplicationAutoScaling::ScalingPolicy").items():
        members = resolved(policy["Properties"], arns)
        del members["ScalingTargetId"]
        request = validated("application-autoscaling", "PutScalingPolicy", {**TARGET, **members})
        arns[logical_id] = str(fleet.scaler.put_scaling_policy(**request)["PolicyARN"])
    for logical_id, alarm in template.find_resources("AWS::CloudWatch::Alarm").items():
        if logical_id.startswith("Scaling"):
            properties = resolved(alarm["Properties"], arns)
            fleet.scaler.put_alarm(alarm_from_settings({**properties, "AlarmName": logical_id}))
    return fleet


def resolved(value: Any, arns: Mapping[str, str]) -> Any:
    match value:
        case {"Fn::GetAtt": [_, "EndpointName"]}:
            return ENDPOINT
        case {"Ref": str(name)}:
            return arns.get(name, name)
        case dict():
            return {key: resolved(inner, arns) for key, inner in value.items()}
        case list():
            return [resolved(inner, arns) for inner in value]
        case _:
            return value


@dataclass
class Work:
    """Documents that arrive at given seconds, and that an instance processes one at a time, for `seconds` each.

    `backlog_counts_running` chooses between the two readings of ApproximateBacklogSize; `cpu_at_work` is CPUUtilization
    of a busy instance.
    """

    fleet: Fleet
    arrivals: list[float]
    seconds: float
    backlog_counts_running: bool
    cpu_at_work: float = 90
    waiting: int = 0
    running: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    lost: int = 0

    @property
    def is_over(self) -> bool:
        """Whether all documents have been processed and no instance runs."""
        return not (self.arrivals or self.waiting or self.running or self.fleet.endpoint.count)

    def publish(self, now: float) -> Iterator[tuple[MetricKey, float]]:
        count = self.fleet.endpoint.count
        while self.arrivals and self.arrivals[0] <= now:
            self.arrivals.pop(0)
            self.waiting += 1
        done = [end for end in self.running if end <= now]
        self.running = [end for end in self.running if end > now]
        self.ended += done
        self.lost += max(0, len(self.running) - count)
        self.running = self.running[:count]
        while self.waiting and len(self.running) < count:
            self.waiting -= 1
            self.running.append(now + self.seconds)
            yield MetricKey.from_dimensions("AWS/SageMaker", "RequestDownloadLatency", OF_VARIANT), 40_000.0
        backlog = self.waiting + (len(self.running) if self.backlog_counts_running else 0)
        yield MetricKey.from_dimensions("AWS/SageMaker", "ApproximateBacklogSize", OF_QUEUE), backlog
        yield (
            MetricKey.from_dimensions("AWS/SageMaker", "HasBacklogWithoutCapacity", OF_QUEUE),
            float(backlog > 0 and count == 0),
        )
        if count:
            yield (
                MetricKey.from_dimensions("AWS/SageMaker", "ApproximateBacklogSizePerInstance", OF_QUEUE),
                backlog / count,
            )
        if done:
            yield MetricKey.from_dimensions("AWS/SageMaker", "InvocationsProcessed", OF_VARIANT), len(done)
        for instance in range(count):
            busy = instance < len(self.running)
            yield MetricKey.from_dimensions(INSTANCES, "CPUUtilization", OF_VARIANT), self.cpu_at_work if busy else 3

    def run(self, seconds: int, every: int = TICK) -> list[tuple[float, int]]:
        self.fleet.run(seconds, self.publish, every=every)
        return self.fleet.endpoint.changes
