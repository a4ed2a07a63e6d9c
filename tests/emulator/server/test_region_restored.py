"""A region that stops and one that is restored from its state: no accepted request is lost on the way."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.errors import AwsError
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.conftest import Destinations
from tests.emulator.fakes import LIMIT, FakeInstance, FakeRegion, eventually, fake_region

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/receipts/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.fixture
def first(tmp_path: Path, clients: AwsClients) -> Iterator[FakeRegion]:
    with fake_region(tmp_path, clients=clients) as region:
        yield region


@pytest.fixture
def second(tmp_path: Path, clients: AwsClients) -> Iterator[FakeRegion]:
    with fake_region(tmp_path, clients=clients) as region:
        yield region


def hand_over(first: FakeRegion, second: FakeRegion) -> None:
    """Stops a region and restores another from its saved state."""
    for endpoint in first.sagemaker.endpoints():
        endpoint.stop()
    kept = json.loads(json.dumps([first.sagemaker.state(), first.autoscaling.state(), first.store.state()]))
    second.clock.advance(first.clock.now() - second.clock.now())
    second.sagemaker.restore(kept[0])
    second.autoscaling.restore(kept[1])
    second.store.restore(kept[2])
    second.sagemaker.resume()


def request(name: str) -> InvocationRequest:
    return InvocationRequest(endpoint_name="receipts", body=b"a receipt", inference_id=name)


def test_waiting_and_running_requests_are_processed_by_the_next(
    first: FakeRegion, second: FakeRegion, around: Destinations
) -> None:
    stuck = FakeInstance()
    stuck.handler = stuck.hang
    first.launches.prepared.append(stuck)
    endpoint = first.create("receipts", output=around.output)
    names = [f"request-{number}" for number in range(5)]
    for name in names:
        endpoint.accept(request(name))
    eventually(lambda: stuck.requests, "a running request")

    hand_over(first, second)

    notified = [message.get("inferenceId") for message in around.success.take(5 + 1)]
    assert sorted(name for name in notified if name) == names  # and one test message of the creation
    again = second.endpoint("receipts")
    eventually(lambda: again.queue.backlog == 0, "every outcome")
    assert again.status == "InService"
    assert len(around.keys("results/")) == 5


def test_what_is_described_is_the_same_before_and_after(first: FakeRegion, second: FakeRegion) -> None:
    first.create("receipts")
    arn = first.endpoint("receipts").arn
    first.sagemaker.call("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "team", "Value": "papers"}]})
    before = [described(first, "receipts"), first.sagemaker.call("ListTags", {"ResourceArn": arn})]
    hand_over(first, second)
    eventually(lambda: second.endpoint("receipts").deployment.fleet.running == 1, "an instance")  # type: ignore[union-attr]
    assert [described(second, "receipts"), second.sagemaker.call("ListTags", {"ResourceArn": arn})] == before


def described(region: FakeRegion, name: str) -> list[dict[str, Any]]:
    return [
        region.sagemaker.call("DescribeEndpoint", {"EndpointName": name}),
        region.sagemaker.call("DescribeEndpointConfig", {"EndpointConfigName": f"{name}-config"}),
        region.sagemaker.call("DescribeModel", {"ModelName": f"{name}-config-model"}),
    ]


def test_an_endpoint_at_zero_stays_at_zero(first: FakeRegion, second: FakeRegion) -> None:
    endpoint = first.create("receipts")
    endpoint.set_capacity(0)
    assert endpoint.wait(LIMIT)
    hand_over(first, second)
    again = second.endpoint("receipts")
    assert again.deployment is not None
    assert (again.status, again.deployment.fleet.desired, second.launches.made) == ("InService", 0, [])


def test_a_creation_starts_again_and_an_update_is_abandoned(first: FakeRegion, second: FakeRegion) -> None:
    first.create("receipts")
    first.launches.prepared.extend([FakeInstance(ready=False), FakeInstance(ready=False)])
    first.create_config("other")
    first.sagemaker.call("UpdateEndpoint", {"EndpointName": "receipts", "EndpointConfigName": "other"})
    first.sagemaker.call("CreateEndpoint", {"EndpointName": "young", "EndpointConfigName": "other"})
    hand_over(first, second)
    assert second.endpoint("young").wait(LIMIT)
    young, receipts = second.endpoint("young"), second.endpoint("receipts")
    assert (young.status, young.config["EndpointConfigName"]) == ("InService", "other")
    assert (receipts.status, receipts.config["EndpointConfigName"]) == ("InService", "receipts-config")
    assert "stopped during the update" in (receipts.failure_reason or "")


def test_a_failed_endpoint_is_described_alike_however_often_it_is_restored(
    first: FakeRegion, second: FakeRegion, tmp_path: Path, clients: AwsClients
) -> None:
    first.launches.prepared.append(FakeInstance(failure="no weights"))
    first.create("receipts")
    before = described(first, "receipts")
    assert before[0]["EndpointStatus"] == "Failed"
    hand_over(first, second)
    assert described(second, "receipts") == before
    with fake_region(tmp_path, clients=clients) as third:
        hand_over(second, third)
        assert described(third, "receipts") == before


def test_nothing_starts_before_requests_are_served(first: FakeRegion, second: FakeRegion) -> None:
    first.create("receipts")
    first.launches.prepared.append(FakeInstance(ready=False))
    first.create_config("other")
    first.sagemaker.call("CreateEndpoint", {"EndpointName": "young", "EndpointConfigName": "other"})
    for endpoint in first.sagemaker.endpoints():
        endpoint.stop()
    second.sagemaker.restore(json.loads(json.dumps(first.sagemaker.state())))
    assert second.launches.made == []
    assert [second.endpoint(name).status for name in ("receipts", "young")] == ["InService", "Creating"]
    second.endpoint("receipts").accept(request("early"))
    second.sagemaker.resume()
    assert second.endpoint("young").wait(LIMIT)
    eventually(lambda: len(second.launches.running) == 2, "an instance of each")


def test_while_it_stops_requests_are_rejected_as_ones_to_send_again(first: FakeRegion) -> None:
    endpoint = first.create("receipts")
    endpoint.stop()
    with pytest.raises(AwsError) as error:
        endpoint.accept(request("late"))
    assert (error.value.code, error.value.status) == ("ServiceUnavailable", HTTPStatus.SERVICE_UNAVAILABLE)


def test_targets_policies_and_actions_are_restored(first: FakeRegion, second: FakeRegion) -> None:
    first.create("receipts")
    scaling = first.autoscaling
    scaling.call("RegisterScalableTarget", {**TARGET, "MinCapacity": 0, "MaxCapacity": 4, "Tags": {"team": "papers"}})
    scaling.call(
        "PutScalingPolicy",
        {
            **TARGET,
            "PolicyName": "track",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 5.0,
                "CustomizedMetricSpecification": {
                    "MetricName": "ApproximateBacklogSizePerInstance",
                    "Namespace": "AWS/SageMaker",
                    "Dimensions": [{"Name": "EndpointName", "Value": "receipts"}],
                    "Statistic": "Average",
                },
            },
        },
    )
    scaling.call(
        "PutScheduledAction",
        {
            **TARGET,
            "ScheduledActionName": "mornings",
            "Schedule": "cron(0 8 * * ? *)",
            "Timezone": "Asia/Tokyo",
            "ScalableTargetAction": {"MinCapacity": 1},
        },
    )
    hand_over(first, second)
    for operation in ("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions"):
        asked = {"ServiceNamespace": "sagemaker"}
        assert second.autoscaling.call(operation, asked) == scaling.call(operation, asked)
    assert second.autoscaling.alarms() == scaling.alarms()
    arn = scaling.call("DescribeScalableTargets", {"ServiceNamespace": "sagemaker"})["ScalableTargets"][0]
    tags = second.autoscaling.call("ListTagsForResource", {"ResourceARN": arn["ScalableTargetARN"]})
    assert tags == {"Tags": {"team": "papers"}}
