"""Whatever is under way when the local AWS ends: every request has its outcome, or is kept for the next one."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.emulator.api.cloudformation import RESOURCE_TYPES
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.errors import AwsError
from async_endpoint.emulator.faults import faults
from async_endpoint.emulator.faults.faults import Fault
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint
from async_endpoint.emulator.hosting.results import ResultWriter
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.conftest import Destinations
from tests.emulator.fakes import LIMIT, FakeInstance, FakeRegion, eventually, fake_region, within_limit

BAKING = {
    "DeploymentConfig": {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 3600,
        }
    }
}


@pytest.fixture
def region(tmp_path: Path, clients: AwsClients) -> Iterator[FakeRegion]:
    with fake_region(tmp_path, clients=clients) as region:
        yield region


def accept(endpoint: HostedEndpoint, count: int, **members: Any) -> list[str]:
    names = [f"request-{number}" for number in range(count)]
    for name in names:
        endpoint.accept(InvocationRequest(endpoint_name=endpoint.name, body=b"-", inference_id=name, **members))
    return names


def kept(endpoint: HostedEndpoint) -> list[str]:
    return [item["request"]["inference_id"] for item in endpoint.state()["queue"]]


def busy(ends: threading.Event | None = None) -> FakeInstance:
    """An instance that never answers; it is drained until an event, at once without one."""

    class Lingering(FakeInstance):
        def drain(self, seconds: float) -> None:
            super().drain(seconds)
            assert ends is None or ends.wait(LIMIT)

    instance = Lingering()
    instance.handler = instance.hang
    return instance


def update(region: FakeRegion, **members: Any) -> None:
    region.create_config("other")
    region.sagemaker.call("UpdateEndpoint", {"EndpointName": "receipts", "EndpointConfigName": "other", **members})


def test_while_an_update_is_watched_the_old_configuration_and_its_requests_are_kept(region: FakeRegion) -> None:
    old = busy()
    region.launches.prepared = [old, busy()]  # nobody answers what the old one gives back
    endpoint = region.create("receipts")
    names = accept(endpoint, 2)
    eventually(lambda: len(old.requests) == 2, "both requests run")
    update(region, **BAKING)
    eventually(lambda: len(region.launches.running) == 2, "the update is watched")
    within_limit(endpoint.stop, "the end")
    state = endpoint.state()
    assert sorted(kept(endpoint)) == names
    assert (state["config"]["EndpointConfigName"], state["update_given_up"]) == ("receipts-config", True)
    assert region.launches.running == []


def test_when_the_update_has_taken_over_the_new_configuration_and_the_old_ones_requests_are_kept(
    region: FakeRegion,
) -> None:
    ends = threading.Event()
    old = busy(ends)
    region.launches.prepared = [old, busy()]
    endpoint = region.create("receipts")
    names = accept(endpoint, 2)
    eventually(lambda: len(old.requests) == 2, "both requests run")
    update(region)
    eventually(lambda: old.drained, "the old instance ends its requests")
    stopping = threading.Thread(target=endpoint.stop)
    stopping.start()
    ends.set()
    stopping.join(LIMIT)
    state = endpoint.state()
    assert sorted(kept(endpoint)) == names
    assert (state["config"]["EndpointConfigName"], state["update_given_up"]) == ("other", False)


class Halfway:
    """Lets two failures be written, and holds the third back until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        failed, numbers = ResultWriter.failed, iter(range(1_000))

        def held(*given: Any, **members: Any) -> None:
            if next(numbers) == 2:
                self.reached.set()
                assert self.go_on.wait(LIMIT)
            failed(*given, **members)

        monkeypatch.setattr(ResultWriter, "failed", held)


@pytest.fixture
def halfway(monkeypatch: pytest.MonkeyPatch) -> Halfway:
    return Halfway(monkeypatch)


def end_in_between(endpoint: HostedEndpoint, around: Destinations, halfway: Halfway) -> set[str]:
    """Stop an endpoint in the middle of its third failure; the ids of those that were written."""
    assert halfway.reached.wait(LIMIT)
    stopping = threading.Thread(target=endpoint.stop)
    stopping.start()
    eventually(lambda: endpoint._expirer._stopped, "it ends")
    halfway.go_on.set()
    stopping.join(LIMIT)
    assert not stopping.is_alive()
    return {str(message["inferenceId"]) for message in around.error.pending() if "inferenceId" in message}


def test_requests_that_expire_meanwhile_are_written_or_kept(
    region: FakeRegion, around: Destinations, halfway: Halfway
) -> None:
    endpoint = region.create("receipts", output=around.output)
    endpoint.set_capacity(0)
    assert endpoint.wait(LIMIT)
    names = accept(endpoint, 6, request_ttl_seconds=60)
    region.clock.advance(61)
    endpoint.sample()
    assert (endpoint.queue.waiting, endpoint.queue.in_flight) == (0, 6)
    written = end_in_between(endpoint, around, halfway)
    assert written == set(names[:3])  # the third was on its way
    assert kept(endpoint) == names[3:]


def test_requests_of_an_endpoint_that_is_deleted_meanwhile_are_written_or_kept(
    region: FakeRegion, around: Destinations, halfway: Halfway
) -> None:
    endpoint = region.create("receipts", output=around.output)
    endpoint.set_capacity(0)
    assert endpoint.wait(LIMIT)
    names = accept(endpoint, 6)
    region.sagemaker.call("DeleteEndpoint", {"EndpointName": "receipts"})
    written = end_in_between(endpoint, around, halfway)
    assert written == set(names[:3])
    assert kept(endpoint) == names[3:]
    assert not region.is_gone("receipts")  # the next life goes on with the deletion
    assert endpoint.state()["status"] == "Deleting"


def test_notifications_that_a_fault_delays_are_sent(
    region: FakeRegion, around: Destinations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "_REORDERED_SECONDS", 0.3)
    region.context.faults.add(Fault("reorder"))
    endpoint = region.create("receipts", output=around.output)
    (name,) = accept(endpoint, 1)
    eventually(lambda: endpoint.queue.backlog == 0, "the outcome")
    endpoint.stop()
    heard = [message.get("inferenceId") for message in around.success.pending()]
    assert name in heard


def test_one_failure_that_cannot_be_written_leaves_the_others_their_outcomes(
    region: FakeRegion, around: Destinations, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = region.create("receipts", output=around.output)
    endpoint.set_capacity(0)
    assert endpoint.wait(LIMIT)
    names = accept(endpoint, 3, request_ttl_seconds=60)
    failed, numbers = ResultWriter.failed, iter(range(3))

    def broken(*given: Any, **members: Any) -> None:
        if next(numbers) == 1:
            raise RuntimeError("a defect")
        failed(*given, **members)

    monkeypatch.setattr(ResultWriter, "failed", broken)
    region.clock.advance(61)
    endpoint.sample()
    eventually(lambda: endpoint.queue.backlog == 0, "nothing is in flight for ever")
    heard = {message.get("inferenceId") for message in around.error.pending()}
    assert heard - {None} == {names[0], names[2]}


def test_a_rollback_that_a_stop_interrupts_keeps_its_reason(region: FakeRegion) -> None:
    stuck = threading.Event()

    class Lingering(FakeInstance):
        def stop(self) -> None:
            super().stop()
            assert stuck.wait(LIMIT)

    endpoint = region.create("receipts")
    region.launches.prepared = [FakeInstance(failure="no weights"), Lingering()]
    region.create_config("other", count=2)
    region.sagemaker.call("UpdateEndpoint", {"EndpointName": "receipts", "EndpointConfigName": "other"})
    eventually(lambda: endpoint.status == "RollingBack", "the new instance has failed")
    stopping = threading.Thread(target=endpoint.stop)
    stopping.start()
    eventually(lambda: endpoint._status.is_stopped, "it ends")
    stuck.set()
    stopping.join(LIMIT)
    state = endpoint.state()
    assert (state["status"], state["config"]["EndpointConfigName"]) == ("RollingBack", "receipts-config")
    assert "no weights" in state["failure_reason"]


def test_changes_are_rejected_as_retryable_during_a_stop_and_before_a_resume(region: FakeRegion) -> None:
    endpoint = region.create("receipts")
    endpoint.stop()
    region.sagemaker.stop()
    names = {"EndpointName": "receipts", "EndpointConfigName": "receipts-config"}
    capacity = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2}
    for operation, members in (
        ("UpdateEndpoint", names),
        ("UpdateEndpointWeightsAndCapacities", {"EndpointName": "receipts", "DesiredWeightsAndCapacities": [capacity]}),
        ("DeleteEndpoint", {"EndpointName": "receipts"}),
        ("CreateEndpoint", names),
    ):
        with pytest.raises(AwsError) as refused:
            region.sagemaker.call(operation, members)
        assert (refused.value.code, refused.value.status) == ("ServiceUnavailable", 503)
    assert endpoint.state()["status"] == "InService"

    again = HostedEndpoint("receipts", region.context)
    again.restore(json.loads(json.dumps(endpoint.state())))
    assert again.is_changing
    with pytest.raises(AwsError, match="The local AWS starts or stops"):
        again.set_capacity(3)
    again.resume()
    eventually(lambda: not again.is_changing, "its instance is back")
    again.set_capacity(2)
    assert again.wait(LIMIT)
    within_limit(again.stop, "the end")


def test_a_stack_that_is_being_deleted_ends_with_the_local_aws(region: FakeRegion) -> None:
    """CloudFormation asks again and again until the endpoint is gone, which then it never is."""
    endpoint = region.create("receipts")
    endpoint.stop()
    handler = RESOURCE_TYPES["AWS::SageMaker::Endpoint"].handler
    with pytest.raises(AwsError, match="The local AWS starts or stops"):
        handler.delete(region, endpoint.arn, {})


def test_instances_that_come_back_are_a_change_until_they_have_or_one_cannot(region: FakeRegion) -> None:
    endpoint = region.create("receipts")
    endpoint.stop()
    slow = FakeInstance(ready=False)
    region.launches.prepared = [slow, FakeInstance(failure="no capacity")]
    for ends, running in ((slow.ready.set, 1), (lambda: None, 0)):
        again = HostedEndpoint("receipts", region.context)
        again.restore(json.loads(json.dumps(endpoint.state())))
        again.resume()
        assert again.deployment is not None
        again.deployment.fleet._relaunch_seconds = LIMIT
        ends()
        eventually(lambda again=again: not again.is_changing, "it has come back, or cannot")  # type: ignore[misc]  # bound
        assert again.deployment.fleet.running == running
        within_limit(again.stop, "the end")
