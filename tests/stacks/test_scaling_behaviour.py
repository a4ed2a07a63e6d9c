"""The policies and alarms of the templates, handed to the autoscaler as they stand, and work for it to scale by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Template
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import build_app
from async_endpoint.cloudwatch import Delivery, EvaluationRules, MetricKey
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from async_endpoint.emulator.service_models import validated
from tests.autoscaling.fleet import ENDPOINT, TARGET, Fleet
from tests.stacks.templates import dev

OF_QUEUE = {"EndpointName": ENDPOINT}
OF_VARIANT = {"EndpointName": ENDPOINT, "VariantName": "AllTraffic"}
INSTANCES = "/aws/sagemaker/Endpoints"
TICK = 10  # seconds
TIMEOUT = dev().limits.invocation_timeout_seconds  # that dev allows one request
HOUR = 3600


def scaled(
    template: Template, most: int = 2, delivery: Delivery | None = None, rules: EvaluationRules | None = None
) -> Fleet:
    """A fleet with a template's policies and alarms; what they refer to is put in their place."""
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
    """Documents that come at given seconds and take an instance, one at a time, for `seconds` each.

    `backlog_counts_running` is which of the two readings of ApproximateBacklogSize holds; `cpu_at_work` is how busy the
    processor looks meanwhile.
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


def template_of(artifacts: Path, **changed: object) -> Template:
    stack = build_app(dev(**changed), artifacts=artifacts).node.find_child("Endpoint")
    assert isinstance(stack, Stack)
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def by_aws(artifacts: Path) -> Template:
    return template_of(artifacts, scaling__preset="aws")


@pytest.fixture(scope="module")
def for_four(artifacts: Path) -> Template:
    return template_of(artifacts, scaling__max_instances=4)


@pytest.fixture(scope="module", params=["responsive", "aws"])
def by_each(artifacts: Path, request: pytest.FixtureRequest) -> Template:
    """Either preset, with up to four instances."""
    return template_of(artifacts, scaling__max_instances=4, scaling__preset=request.param)


@pytest.mark.parametrize("second", [0, 10, 30, 50])
@pytest.mark.parametrize(("waiting", "wanted"), [(1, 1), (5, 1), (6, 2), (20, 4), (100, 4)])
def test_it_wakes_within_two_minutes_with_as_many_as_the_backlog_wants(
    for_four: Template, second: int, waiting: int, wanted: int
) -> None:
    fleet = scaled(for_four, most=4)
    appears = 600 + second
    changes = Work(fleet, [appears] * waiting, 60, backlog_counts_running=True).run(appears + 121)
    at, count = changes[0]
    assert count == wanted
    assert at - appears <= 60


def test_awss_preset_wakes_one_as_soon(by_aws: Template) -> None:
    changes = Work(scaled(by_aws), [630.0] * 20, 60, backlog_counts_running=True).run(780)
    assert changes == [(660, 1)]


@pytest.mark.parametrize("backlog_counts_running", [True, False])
@pytest.mark.parametrize("cpu_at_work", [90, 1], ids=["busy processor", "idle processor"])
def test_no_request_is_cut_off_under_either_reading_of_the_backlog(
    by_each: Template, *, backlog_counts_running: bool, cpu_at_work: float
) -> None:
    """The longest that a request may take, at a time when nothing else ends; even if it does not show in the use."""
    fleet = scaled(by_each, most=4)
    arrivals = [float(at) for at in range(0, 6 * HOUR, HOUR // 2) for _ in range(3)]
    count = len(arrivals)
    work = Work(fleet, arrivals, TIMEOUT - 1, backlog_counts_running, cpu_at_work)
    work.run(9 * HOUR)
    assert (work.lost, len(work.ended), work.waiting) == (0, count, 0)


@settings(max_examples=1_000, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    bursts=st.lists(st.tuples(st.integers(0, 30 * 60), st.integers(1, 12)), min_size=1, max_size=6),
    seconds=st.integers(1, TIMEOUT - 1),
    backlog_counts_running=st.booleans(),
    cpu_at_work=st.sampled_from([1.0, 90.0]),
)
def test_no_request_of_any_traffic_is_cut_off(
    by_each: Template, *, bursts: list[tuple[int, int]], seconds: int, backlog_counts_running: bool, cpu_at_work: float
) -> None:
    """A thousand patterns of bursts, under both readings of the backlog, whether or not work shows in the use."""
    arrivals = sorted(float(at) for at, count in bursts for _ in range(count))
    total = len(arrivals)
    work = Work(scaled(by_each, most=4), arrivals, seconds, backlog_counts_running, cpu_at_work)
    work.run(75 * 60, every=30)
    assert (work.lost, len(work.ended) + len(work.running) + work.waiting) == (0, total)


@pytest.mark.parametrize("backlog_counts_running", [True, False])
def test_it_sleeps_when_no_request_can_be_in_work_any_more(for_four: Template, *, backlog_counts_running: bool) -> None:
    fleet = scaled(for_four, most=4)
    work = Work(fleet, [60.0] * 20, 30, backlog_counts_running)
    changes = work.run(2 * HOUR)
    assert [count for _, count in changes] == [4, 0]
    asleep = changes[-1][0] - work.ended[-1]
    assert TIMEOUT + 60 <= asleep <= TIMEOUT + 180


def test_the_alarm_that_ended_them_ends_itself(for_four: Template) -> None:
    """It has no datapoint any more once the minutes of the instance are out of its range."""
    fleet = scaled(for_four, most=4)
    Work(fleet, [60.0], 30, backlog_counts_running=True).run(HOUR)
    states = {str(alarm["AlarmName"])[:17]: alarm["StateValue"] for alarm in fleet.scaler.alarms()}
    assert fleet.endpoint.count == 0
    assert states["ScalingSleepAlarm"] == "INSUFFICIENT_DATA"


def test_background_work_keeps_an_instance_awake(for_four: Template) -> None:
    """Which the alarm on instances without work tells of."""
    fleet = scaled(for_four, most=4)
    work = Work(fleet, [60.0], 30, backlog_counts_running=True)

    def busy(now: float) -> Iterator[tuple[MetricKey, float]]:
        yield from work.publish(now)
        if fleet.endpoint.count:
            yield MetricKey.from_dimensions(INSTANCES, "CPUUtilization", OF_VARIANT), 85

    fleet.run(2 * HOUR, busy, every=TICK)
    assert fleet.endpoint.count == 1


def test_a_day_of_bursts_is_read_and_slept_away(for_four: Template) -> None:
    fleet = scaled(for_four, most=4)
    arrivals = [float(start + second) for start in range(0, 24 * HOUR, 6 * HOUR) for second in range(0, 3000, 10)]
    total = len(arrivals)
    work = Work(fleet, arrivals, 20, backlog_counts_running=False)
    changes = work.run(24 * HOUR)
    assert (work.lost, len(work.ended)) == (0, total)
    assert [count for _, count in changes if count == 0] == [0] * 4
    assert fleet.endpoint.count == 0
