"""HostedEndpoint: its states, and what becomes of requests when instances come and go."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.errors import AwsError, ValidationError, ValidationException
from async_endpoint.emulator.faults.faults import Fault
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.conftest import Destinations
from tests.emulator.fakes import ACCOUNT, LIMIT, REGION, FakeInstance, FakeRegion, eventually, fake_region

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/e"
BUSY = f'Cannot update in-progress endpoint "{ARN}".'
TEST_MESSAGE = {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"}


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        yield region


@pytest.fixture
def served(tmp_path: Path, clients: AwsClients, around: Destinations) -> Iterator[FakeRegion]:
    """A region with an endpoint `e` of one instance that writes to running services; its test messages are read."""
    with fake_region(tmp_path, clients=clients) as region:
        region.create("e", output=around.output)
        assert around.success.take(1) == around.error.take(1) == [TEST_MESSAGE]
        yield region


def invoke(endpoint: HostedEndpoint, **members: Any) -> str:
    """The inference id of a request accepted."""
    given = {"endpoint_name": endpoint.name, "inference_id": uuid.uuid4().hex, "body": b"x", **members}
    return str(endpoint.accept(InvocationRequest(**given)).request.inference_id)


def call(region: FakeRegion, operation: str, **members: Any) -> dict[str, Any]:
    return region.sagemaker.call(operation, {"EndpointName": "e", **members})


def set_capacity(region: FakeRegion, count: int, variant: str = "AllTraffic") -> None:
    wanted = [{"VariantName": variant, "DesiredInstanceCount": count}]
    call(region, "UpdateEndpointWeightsAndCapacities", DesiredWeightsAndCapacities=wanted)


def refusal(region: FakeRegion, operation: str, **members: Any) -> str:
    with pytest.raises(AwsError) as refused:
        call(region, operation, **members)
    return refused.value.message


# -- states ------------------------------------------------------------------------------------------------------


def test_a_new_endpoint_is_creating_until_its_instances_answer(region: FakeRegion) -> None:
    slow = FakeInstance(ready=False)
    region.launches.prepared = [slow]
    region.create_config("c")
    call(region, "CreateEndpoint", EndpointConfigName="c")
    assert call(region, "DescribeEndpoint")["EndpointStatus"] == "Creating"
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "c"
    with pytest.raises(ValidationError, match="is not in service"):
        invoke(region.endpoint("e"))
    slow.ready.set()
    assert region.endpoint("e").wait(LIMIT)
    described = call(region, "DescribeEndpoint")
    assert described["EndpointStatus"] == "InService"
    (variant,) = described["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 1)
    assert variant["VariantName"] == "AllTraffic"


def test_nothing_may_be_done_to_an_endpoint_in_transition(region: FakeRegion) -> None:
    slow = FakeInstance(ready=False)
    region.launches.prepared = [slow]
    region.create_config("c")
    call(region, "CreateEndpoint", EndpointConfigName="c")
    assert refusal(region, "DeleteEndpoint") == BUSY
    assert refusal(region, "UpdateEndpoint", EndpointConfigName="c") == BUSY
    slow.ready.set()
    assert region.endpoint("e").wait(LIMIT)

    slower = FakeInstance(ready=False)
    region.launches.prepared = [slower]
    set_capacity(region, 2)
    assert call(region, "DescribeEndpoint")["EndpointStatus"] == "Updating"
    with pytest.raises(ValidationException, match="Cannot update in-progress endpoint"):
        set_capacity(region, 3)
    assert refusal(region, "UpdateEndpoint", EndpointConfigName="c") == BUSY
    assert refusal(region, "DeleteEndpoint") == BUSY
    slower.ready.set()
    assert region.endpoint("e").wait(LIMIT)
    assert call(region, "DescribeEndpoint")["EndpointStatus"] == "InService"
    assert len(region.launches.running) == 2


def test_an_endpoint_being_deleted_is_left_alone(region: FakeRegion) -> None:
    class Lingering(FakeInstance):
        def stop(self) -> None:
            super().stop()
            assert self.ready.wait(LIMIT)

    lingering = Lingering()
    region.launches.prepared = [lingering]
    region.create("e")
    lingering.ready.clear()
    call(region, "DeleteEndpoint")
    assert call(region, "DescribeEndpoint")["EndpointStatus"] == "Deleting"
    assert refusal(region, "DeleteEndpoint") == BUSY
    assert refusal(region, "UpdateEndpoint", EndpointConfigName="e-config") == BUSY
    assert refusal(region, "CreateEndpoint", EndpointConfigName="e-config").startswith("Cannot create already existing")
    with pytest.raises(ValidationError, match="is not in service"):
        invoke(region.endpoint("e"))
    lingering.ready.set()
    eventually(lambda: region.is_gone("e"), "the endpoint is gone")
    assert refusal(region, "DescribeEndpoint") == f'Could not find endpoint "{ARN}".'


def test_an_update_takes_over_when_the_new_instances_answer(region: FakeRegion) -> None:
    endpoint = region.create("e")
    (old,) = region.launches.made
    new = FakeInstance(ready=False)
    region.launches.prepared = [new]
    region.create_config("c2")
    call(region, "UpdateEndpoint", EndpointConfigName="c2")
    eventually(new.started.is_set, "the new instance starts")
    assert old.alive
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "e-config"
    new.ready.set()
    assert endpoint.wait(LIMIT)
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "c2"
    assert region.launches.running == [new]


def test_an_update_that_fails_leaves_the_old_instances_serving(region: FakeRegion) -> None:
    endpoint = region.create("e")
    region.create_config("c2", count=2)
    region.launches.prepared = [FakeInstance(), FakeInstance(failure="KeyError: 'weights'")]
    call(region, "UpdateEndpoint", EndpointConfigName="c2")
    assert endpoint.wait(LIMIT)
    described = call(region, "DescribeEndpoint")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "e-config")
    assert described["FailureReason"] == (
        "The primary container for production variant AllTraffic did not pass the ping health check. "
        "KeyError: 'weights'"
    )
    assert region.launches.running == [region.launches.made[0]]


@pytest.mark.parametrize(
    ("members", "count"),
    [
        ({}, 1),
        ({"RetainAllVariantProperties": True}, 3),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            1,
        ),
    ],
)
def test_an_update_keeps_the_count_only_when_asked_to(region: FakeRegion, members: dict[str, Any], count: int) -> None:
    endpoint = region.create("e")
    set_capacity(region, 3)
    assert endpoint.wait(LIMIT)
    region.create_config("c2")
    call(region, "UpdateEndpoint", EndpointConfigName="c2", **members)
    assert endpoint.wait(LIMIT)
    assert len(region.launches.running) == count


def test_an_update_at_zero_that_keeps_the_count_starts_nothing(region: FakeRegion) -> None:
    endpoint = region.create("e")
    set_capacity(region, 0)
    assert endpoint.wait(LIMIT)
    region.create_config("c2")
    call(region, "UpdateEndpoint", EndpointConfigName="c2", RetainAllVariantProperties=True)
    assert endpoint.wait(LIMIT)
    assert len(region.launches.made) == 1
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "c2"


def test_the_deployment_config_of_the_last_update_is_shown(region: FakeRegion) -> None:
    endpoint = region.create("e")
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                                       "WaitIntervalInSeconds": 60}}  # fmt: skip
    shown = []
    for members in ({"DeploymentConfig": rolling}, {"RetainDeploymentConfig": True}, {}):
        call(region, "UpdateEndpoint", EndpointConfigName="e-config", **members)
        assert endpoint.wait(LIMIT)
        shown.append(call(region, "DescribeEndpoint").get("LastDeploymentConfig"))
    assert shown == [rolling, rolling, None]


def test_a_variant_that_the_endpoint_does_not_have(region: FakeRegion) -> None:
    region.create("e")
    with pytest.raises(ValidationException) as refused:
        set_capacity(region, 2, "Other")
    assert refused.value.message == (
        'The variant name(s) "Other" is/are not present within endpoint configuration "e-config".'
    )


def test_a_change_of_capacity_stays_at_what_there_is_capacity_for(region: FakeRegion) -> None:
    endpoint = region.create("e")
    assert endpoint.deployment is not None
    fleet = endpoint.deployment.fleet
    slow = FakeInstance(ready=False)
    region.launches.prepared = [FakeInstance(), slow]
    region.context.faults.add(Fault("no-capacity", count=1))
    set_capacity(region, 4)  # the first of three is refused
    eventually(lambda: len(region.launches.running) == 3, "the two others start")
    assert endpoint.status == "Updating"
    region.context.faults.add(Fault("no-capacity"))
    slow.ready.set()
    assert endpoint.wait(LIMIT)
    assert (endpoint.status, fleet.running, fleet.desired) == ("InService", 3, 3)
    assert "InsufficientInstanceCapacity" in (endpoint.failure_reason or "")
    region.context.faults.clear()
    set_capacity(region, 4)
    assert endpoint.wait(LIMIT)
    assert (endpoint.failure_reason, fleet.running) == (None, 4)


def test_an_instance_that_died_meanwhile_is_the_fleets_to_replace(region: FakeRegion) -> None:
    endpoint = region.create("e")
    assert endpoint.deployment is not None
    fleet = endpoint.deployment.fleet
    fleet._relaunch_seconds = LIMIT  # as good as never
    region.launches.default = lambda: FakeInstance(failure="out of memory")
    region.launches.made[0].kill()
    endpoint.sample()
    eventually(lambda: fleet.failure, "nothing comes in its stead")
    request = [{"VariantName": "AllTraffic", "DesiredWeight": 2.0}]
    call(region, "UpdateEndpointWeightsAndCapacities", DesiredWeightsAndCapacities=request)
    assert endpoint.wait(LIMIT)
    assert (endpoint.status, endpoint.failure_reason, fleet.desired) == ("InService", None, 1)
    set_capacity(region, 2)
    assert endpoint.wait(LIMIT)
    assert (fleet.running, fleet.desired) == (0, 1)
    assert endpoint.failure_reason == "out of memory"


def test_what_is_in_use_can_be_deleted_and_the_endpoint_serves_on(region: FakeRegion) -> None:
    endpoint = region.create("e")
    region.sagemaker.call("DeleteEndpointConfig", {"EndpointConfigName": "e-config"})
    region.sagemaker.call("DeleteModel", {"ModelName": "e-config-model"})
    assert call(region, "DescribeEndpoint")["EndpointConfigName"] == "e-config"
    set_capacity(region, 2)
    assert endpoint.wait(LIMIT)
    assert len(region.launches.running) == 2
    gone = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint-config/e-config"
    assert refusal(region, "UpdateEndpoint", EndpointConfigName="e-config") == (
        f'Could not find endpoint configuration "{gone}".'
    )


def test_stopping_ends_also_what_is_being_rolled_out(region: FakeRegion) -> None:
    endpoint = region.create("e")
    region.launches.prepared = [FakeInstance(ready=False)]
    region.create_config("c2")
    call(region, "UpdateEndpoint", EndpointConfigName="c2")
    eventually(lambda: len(region.launches.running) == 2, "both generations run")
    endpoint.stop()
    assert region.launches.running == []


# -- requests ----------------------------------------------------------------------------------------------------


def test_a_location_outside_s3_is_refused(region: FakeRegion) -> None:
    with pytest.raises(ValidationError, match="Invalid InputLocation"):
        invoke(region.create("e"), body=None, input_location="https://example.com/a.png")


def test_requests_wait_at_zero_instances_and_are_answered_after_waking(
    served: FakeRegion, around: Destinations
) -> None:
    endpoint = served.endpoint("e")
    set_capacity(served, 0)
    assert endpoint.wait(LIMIT)
    ids = {invoke(endpoint) for _ in range(3)}
    endpoint.sample()
    key = MetricKey.from_dimensions("AWS/SageMaker", "HasBacklogWithoutCapacity", {"EndpointName": "e"})
    now = served.clock.now()
    assert list(served.store.periods(key, "Maximum", MINUTE, now, now + 1).values()) == [1.0]
    assert around.success.take(1) == [TEST_MESSAGE]  # of the change of capacity
    set_capacity(served, 1)
    told = around.success.take(4)
    assert {message["inferenceId"] for message in told if message != TEST_MESSAGE} == ids


def test_a_request_at_work_while_the_endpoint_goes_to_zero_is_answered_later(
    served: FakeRegion, around: Destinations
) -> None:
    endpoint = served.endpoint("e")
    (first,) = served.launches.made
    first.handler = first.hang
    inference_id = invoke(endpoint)
    eventually(lambda: first.requests, "the instance has the request")
    set_capacity(served, 0)
    assert endpoint.wait(LIMIT)
    assert endpoint.queue.backlog == 1
    set_capacity(served, 1)
    told = [message for message in around.success.take(3) if message != TEST_MESSAGE]
    assert [message["inferenceId"] for message in told] == [inference_id]
    assert endpoint.wait(LIMIT)
    assert endpoint.queue.backlog == 0


def test_a_request_at_work_during_an_update_is_answered_by_the_new_instances(
    served: FakeRegion, around: Destinations
) -> None:
    endpoint = served.endpoint("e")
    (old,) = served.launches.made
    old.handler = old.hang
    inference_id = invoke(endpoint)
    eventually(lambda: old.requests, "the old instance has the request")
    served.create_config("c2", output=around.output)
    call(served, "UpdateEndpoint", EndpointConfigName="c2")
    told = [message for message in around.success.take(2) if message != TEST_MESSAGE]
    assert [message["inferenceId"] for message in told] == [inference_id]
    assert endpoint.wait(LIMIT)
    assert len(served.launches.made[1].requests) == 1


def test_an_instance_that_dies_is_replaced_and_its_request_answered(served: FakeRegion, around: Destinations) -> None:
    endpoint = served.endpoint("e")
    (first,) = served.launches.made
    first.handler = first.hang
    inference_id = invoke(endpoint)
    eventually(lambda: first.requests, "the instance has the request")
    first.died.set()
    endpoint.sample()
    assert [message["inferenceId"] for message in around.success.take(1)] == [inference_id]


def test_requests_expire_on_awss_clock_without_any_instance(served: FakeRegion, around: Destinations) -> None:
    endpoint = served.endpoint("e")
    set_capacity(served, 0)
    assert endpoint.wait(LIMIT)
    expiring, patient = invoke(endpoint, request_ttl_seconds=60), invoke(endpoint, request_ttl_seconds=3600)
    served.clock.advance(60)
    endpoint.sample()
    served.clock.advance(1)
    endpoint.sample()
    told = [message for message in around.error.take(2) if message != TEST_MESSAGE]
    assert [(message["inferenceId"], message["invocationStatus"]) for message in told] == [(expiring, "Expired")]
    assert told[0]["failureReason"] == "ClientError: The request expired after 60 seconds in the queue."
    assert [item.request.inference_id for item in endpoint.queue.close()] == [patient]


def test_deleting_an_endpoint_ends_every_request_that_is_left(served: FakeRegion, around: Destinations) -> None:
    endpoint = served.endpoint("e")
    (instance,) = served.launches.made
    instance.handler = instance.hang
    ids = {invoke(endpoint) for _ in range(4)}  # two at work, two waiting
    eventually(lambda: len(instance.requests) == 2, "the instance has two requests")
    call(served, "DeleteEndpoint")
    told = around.error.take(4)
    assert {message["inferenceId"] for message in told} == ids
    assert {message["failureReason"] for message in told} == {
        "ClientError: The endpoint was deleted before the request was processed."
    }
    eventually(lambda: served.is_gone("e"), "the endpoint is gone")
    assert len(around.keys("failures/")) == 4
    with pytest.raises(ValidationError, match="is not in service"):
        invoke(endpoint)
