"""Whatever is under way when the local AWS ends: every request has its outcome, or is kept for the next one."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.emulator.backends import Backends
from async_endpoint.emulator.endpoint import HostedEndpoint
from async_endpoint.emulator.faults import Fault
from async_endpoint.emulator.outcomes import Outcomes
from async_endpoint.protocol.invocation import InvocationRequest
from tests.emulator.conftest import Surroundings
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
def region(tmp_path: Path, backends: Backends) -> Iterator[FakeRegion]:
    with fake_region(tmp_path, backends=backends) as region:
        yield region


def accept(endpoint: HostedEndpoint, count: int, **members: Any) -> list[str]:  # noqa: ANN401 - of a request
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


def update(region: FakeRegion, **members: Any) -> None:  # noqa: ANN401 - of UpdateEndpoint
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


@pytest.fixture
def halfway(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Holds every failure back but the first two; answers what lets them go on."""
    failed, go_on, begun = Outcomes.failed, threading.Event(), iter(range(1_000))

    def held(*arguments: Any, **members: Any) -> None:  # noqa: ANN401 - of `failed`
        if next(begun) >= 2:
            assert go_on.wait(LIMIT)
        failed(*arguments, **members)

    monkeypatch.setattr(Outcomes, "failed", held)
    return go_on.set


def end_in_between(endpoint: HostedEndpoint, around: Surroundings, go_on: Callable[[], None]) -> set[str]:
    """Stop an endpoint in the middle of its failures; the ids of those that were written."""
    eventually(lambda: len(around.keys("failures/")) == 2, "the first failures")
    stopping = threading.Thread(target=endpoint.stop)
    stopping.start()
    eventually(lambda: endpoint._write_offs._ended, "it ends")
    go_on()
    stopping.join(LIMIT)
    assert not stopping.is_alive()
    return {str(message["inferenceId"]) for message in around.error.pending() if "inferenceId" in message}


def test_requests_that_expire_meanwhile_are_written_or_kept(
    region: FakeRegion, around: Surroundings, halfway: Callable[[], None]
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
    region: FakeRegion, around: Surroundings, halfway: Callable[[], None]
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


def test_notifications_that_a_fault_holds_back_are_sent(region: FakeRegion, around: Surroundings) -> None:
    region.site.faults.add(Fault("reorder"))
    endpoint = region.create("receipts", output=around.output)
    (name,) = accept(endpoint, 1)
    eventually(lambda: endpoint.queue.backlog == 0, "the outcome")
    endpoint.stop()
    heard = [message.get("inferenceId") for message in around.success.pending()]
    assert name in heard
