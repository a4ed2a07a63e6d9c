"""Instances that are awaited for half an hour and never come: what SageMaker and its scaling show of it."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.faults.faults import Fault, Shortage
from async_endpoint.emulator.hosting.errors import CapacityNeverCame
from async_endpoint.emulator.hosting.unavailable_instance import UnavailableInstance
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.conftest import Destinations
from tests.emulator.fakes import (
    LIMIT,
    START,
    FakeClock,
    FakeRegion,
    eventually,
    fake_region,
    within_limit,
)

NAME = "receipts"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": f"endpoint/{NAME}/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
HALF_AN_HOUR = 30 * MINUTE
WAITING = "Successfully set desired instance count to 1. Waiting for change to be fulfilled by sagemaker."
FULFILLED = "Successfully set desired instance count to 1. Change successfully fulfilled by sagemaker."


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    """A region with an endpoint that sleeps, and that an alarm on its backlog wakes."""
    with fake_region(tmp_path) as region:
        put_to_sleep(region)
        yield region


@pytest.fixture
def served(tmp_path: Path, clients: AwsClients, around: Destinations) -> Iterator[FakeRegion]:
    """The same with an endpoint that writes to running services."""
    with fake_region(tmp_path, clients=clients) as region:
        put_to_sleep(region, output=around.output)
        yield region


def put_to_sleep(region: FakeRegion, **config: Any) -> None:
    endpoint = region.create(NAME, **config)
    endpoint.set_capacity(0)
    assert endpoint.wait(LIMIT)
    scaling = region.autoscaling
    scaling.call("RegisterScalableTarget", {**TARGET, "MinCapacity": 0, "MaxCapacity": 1})
    step = {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}
    configuration = {"AdjustmentType": "ExactCapacity", "StepAdjustments": [step], "Cooldown": 600}
    policy = {"PolicyName": "wake", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": configuration}
    arn = scaling.call("PutScalingPolicy", {**TARGET, **policy})["PolicyARN"]
    alarm = {
        "AlarmName": "backlog",
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": "EndpointName", "Value": NAME}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "AlarmActions": [arn],
    }
    scaling.put_alarm(alarm_from_settings(alarm))


def stall(region: FakeRegion, seconds: float | None = None, count: int | None = None) -> None:
    region.context.faults.add(Fault("stalled-capacity", count=count, instance_type="ml.g4dn.xlarge", seconds=seconds))


def accept(region: FakeRegion, name: str, ttl: int = 21_600) -> None:
    request = InvocationRequest(endpoint_name=NAME, body=b"x", inference_id=name, request_ttl_seconds=ttl)
    region.endpoint(NAME).accept(request)


def pass_minutes(region: FakeRegion, count: int) -> None:
    """Let minutes of AWS's clock pass as the ticker does: each has samples, and scaling acts at its end."""
    for _ in range(count):
        region.endpoint(NAME).sample()
        region.clock.advance(MINUTE)
        region.endpoint(NAME).sample()
        region.autoscaling.tick()


def activities(region: FakeRegion) -> list[dict[str, Any]]:
    answer = region.autoscaling.call("DescribeScalingActivities", {"ServiceNamespace": "sagemaker"})
    return [
        {name: each.get(name) for name in ("StatusCode", "StatusMessage", "StartTime", "EndTime")}
        for each in answer["ScalingActivities"]
    ]


def described(region: FakeRegion) -> tuple[str, int, int, str | None]:
    found = region.sagemaker.call("DescribeEndpoint", {"EndpointName": NAME})
    (variant,) = found["ProductionVariants"]
    return (
        found["EndpointStatus"],
        variant["CurrentInstanceCount"],
        variant["DesiredInstanceCount"],
        found.get("FailureReason"),
    )


def await_in_vain(region: FakeRegion, minutes: int) -> None:
    """Let the minutes pass at whose end a change is given up, and have that noticed."""
    pass_minutes(region, minutes - 1)
    region.endpoint(NAME).sample()
    region.clock.advance(MINUTE)
    assert region.endpoint(NAME).wait(LIMIT)
    assert described(region) == ("InService", 0, 0, None)
    region.endpoint(NAME).sample()
    region.autoscaling.tick()


def test_the_change_is_under_way_for_half_an_hour_and_ends_at_the_old_count_without_a_reason(
    region: FakeRegion,
) -> None:
    stall(region)
    accept(region, "a")
    pass_minutes(region, 30)  # the first of them wakes
    under_way = {"StatusCode": "InProgress", "StatusMessage": WAITING, "StartTime": START + MINUTE, "EndTime": None}
    assert (described(region), activities(region)) == (("Updating", 0, 1, None), [under_way])
    region.autoscaling.call("DeleteScalingPolicy", {**TARGET, "PolicyName": "wake"})  # it would ask again
    await_in_vain(region, 1)
    given_up = {"StatusCode": "Unfulfilled", "StatusMessage": WAITING, "StartTime": START + MINUTE}
    assert activities(region) == [given_up | {"EndTime": START + MINUTE + HALF_AN_HOUR}]
    assert region.autoscaling.state()["scaler"]["cooldowns"] == []


def test_scaling_asks_again_and_wakes_once_there_is_capacity_and_no_request_is_lost(
    served: FakeRegion, around: Destinations
) -> None:
    stall(served, seconds=5 * MINUTE, count=2)
    accept(served, "patient")
    accept(served, "expiring", ttl=600)
    pass_minutes(served, 1)
    await_in_vain(served, 5)
    assert [each["StatusCode"] for each in activities(served)] == ["InProgress", "Unfulfilled"]
    assert served.endpoint(NAME).queue.waiting == 2
    await_in_vain(served, 5)
    assert served.endpoint(NAME).wait(LIMIT)
    assert described(served) == ("InService", 1, 1, None)
    served.autoscaling.tick()
    assert [each["StatusCode"] for each in activities(served)] == ["Successful", "Unfulfilled", "Unfulfilled"]
    assert [each["StartTime"] - START for each in activities(served)] == [660, 360, 60]
    changes = 5  # the creation, the way to zero and three attempts: each sends both topics a test message
    for mailbox, name, status in ((around.success, "patient", "Completed"), (around.error, "expiring", "Expired")):
        told = [message for message in mailbox.take(changes + 1) if "inferenceId" in message]
        assert [(message["inferenceId"], message["invocationStatus"]) for message in told] == [(name, status)]


def test_what_has_come_up_stays_when_the_others_never_come(region: FakeRegion) -> None:
    stall(region, count=1)
    endpoint = region.endpoint(NAME)
    endpoint.set_capacity(3)
    eventually(lambda: len(region.launches.running) == 2, "the two others")
    assert described(region)[0] == "Updating"
    region.clock.advance(HALF_AN_HOUR)
    assert endpoint.wait(LIMIT)
    assert described(region) == ("InService", 2, 2, None)


def test_a_creation_that_waits_for_capacity_fails_in_awss_words(tmp_path: Path) -> None:
    with fake_region(tmp_path) as region:
        stall(region, seconds=600)
        region.create_config("config")
        region.sagemaker.call("CreateEndpoint", {"EndpointName": NAME, "EndpointConfigName": "config"})
        endpoint = region.endpoint(NAME)
        region.clock.advance(599)
        assert not endpoint.wait(0.3)
        assert endpoint.status == "Creating"
        region.clock.advance(1)
        assert endpoint.wait(LIMIT)
        assert endpoint.status == "Failed"
        assert "InsufficientInstanceCapacity error for ml.g4dn.xlarge" in (endpoint.failure_reason or "")


def test_an_instance_that_is_stopped_is_awaited_no_longer() -> None:
    instance = UnavailableInstance("i-01", Shortage("There is none.", HALF_AN_HOUR), FakeClock(START))
    ended = threading.Event()

    def start() -> None:
        with pytest.raises(CapacityNeverCame, match=r"^There is none\.$"):
            instance.start()
        ended.set()

    threading.Thread(target=start, daemon=True).start()
    assert not ended.wait(0.2)
    instance.stop()
    assert ended.wait(5)


def test_a_stop_does_not_wait_for_capacity_and_the_next_life_takes_the_change_up(
    region: FakeRegion, tmp_path: Path
) -> None:
    stall(region)
    accept(region, "a")
    pass_minutes(region, 5)
    assert described(region)[0] == "Updating"
    within_limit(region.endpoint(NAME).stop, "the end of an endpoint that waits for capacity")
    kept = json.loads(json.dumps([region.sagemaker.state(), region.autoscaling.state()]))
    with fake_region(tmp_path) as after:  # faults end with the process
        after.clock.advance(region.clock.now() - after.clock.now())
        after.sagemaker.restore(kept[0])
        after.autoscaling.restore(kept[1])
        assert [each["StatusCode"] for each in activities(after)] == ["InProgress"]
        after.sagemaker.resume()
        eventually(lambda: described(after) == ("InService", 1, 1, None), "the instance")
        after.autoscaling.tick()
        (activity,) = activities(after)
        assert (activity["StatusCode"], activity["StatusMessage"]) == ("Successful", FULFILLED)
