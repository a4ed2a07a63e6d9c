"""HostedEndpoint: what happens to requests when instances come and go."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.errors import ValidationError
from tests.emulator.conftest import Destinations
from tests.emulator.fakes import LIMIT, FakeRegion, eventually, fake_region
from tests.emulator.hosting.endpoints import call, invoke, set_capacity

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


def test_a_location_outside_s3_is_rejected(region: FakeRegion) -> None:
    with pytest.raises(ValidationError, match="Invalid InputLocation"):
        invoke(region.create("e"), body=None, input_location="https://example.com/a.png")


def test_requests_wait_at_zero_instances_and_are_processed_after_waking(
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
    messages = around.success.take(4)
    assert {message["inferenceId"] for message in messages if message != TEST_MESSAGE} == ids


def test_a_running_request_of_an_endpoint_that_scales_to_zero_is_processed_later(
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
    messages = [message for message in around.success.take(3) if message != TEST_MESSAGE]
    assert [message["inferenceId"] for message in messages] == [inference_id]
    assert endpoint.wait(LIMIT)
    eventually(lambda: endpoint.queue.backlog == 0, "the outcome is recorded after its notification")


def test_the_new_instances_process_a_request_that_ran_during_an_update(
    served: FakeRegion, around: Destinations
) -> None:
    endpoint = served.endpoint("e")
    (old,) = served.launches.made
    old.handler = old.hang
    inference_id = invoke(endpoint)
    eventually(lambda: old.requests, "the old instance has the request")
    served.create_config("c2", output=around.output)
    call(served, "UpdateEndpoint", EndpointConfigName="c2")
    messages = [message for message in around.success.take(2) if message != TEST_MESSAGE]
    assert [message["inferenceId"] for message in messages] == [inference_id]
    assert endpoint.wait(LIMIT)
    assert len(served.launches.made[1].requests) == 1


def test_an_instance_that_dies_is_replaced_and_its_request_processed(served: FakeRegion, around: Destinations) -> None:
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
    messages = [message for message in around.error.take(2) if message != TEST_MESSAGE]
    assert [(message["inferenceId"], message["invocationStatus"]) for message in messages] == [(expiring, "Expired")]
    assert messages[0]["failureReason"] == "ClientError: The request expired after 60 seconds in the queue."
    assert [item.request.inference_id for item in endpoint.queue.close()] == [patient]


def test_deleting_an_endpoint_ends_every_request_that_is_left(served: FakeRegion, around: Destinations) -> None:
    endpoint = served.endpoint("e")
    (instance,) = served.launches.made
    instance.handler = instance.hang
    ids = {invoke(endpoint) for _ in range(4)}  # two at work, two waiting
    eventually(lambda: len(instance.requests) == 2, "the instance has two requests")
    call(served, "DeleteEndpoint")
    messages = around.error.take(4)
    assert {message["inferenceId"] for message in messages} == ids
    assert {message["failureReason"] for message in messages} == {
        "ClientError: The endpoint was deleted before the request was processed."
    }
    eventually(lambda: served.is_gone("e"), "the endpoint is gone")
    assert len(around.keys("failures/")) == 4
    with pytest.raises(ValidationError, match="is not in service"):
        invoke(endpoint)
