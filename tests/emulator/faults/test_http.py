"""Faults are switched on and off over HTTP, by programs of this machine alone."""

import json
import urllib.error
import urllib.request

import pytest

from async_endpoint.emulator.faults.faults import FaultError, Faults
from async_endpoint.emulator.faults.http import FaultClient, faults_route
from tests.emulator.conftest import Running


def test_an_invalid_fault_is_rejected_with_its_reason(faults: FaultClient) -> None:
    with pytest.raises(FaultError, match=r"^There is no fault 'flood'"):
        faults.add("flood")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"content-type": "text/plain"}, 415), ({"content-type": "application/json", "host": "evil.example"}, 403)],
)
def test_a_web_page_cannot_switch_anything(running: Running, headers: dict[str, str], status: int) -> None:
    request = urllib.request.Request(  # noqa: S310 - localhost
        f"{running.local.endpoint_url}/_local/faults", json.dumps({"kind": "kill"}).encode(), headers, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)  # noqa: S310 - localhost
    assert refused.value.code == status
    refused.value.close()
    assert running.local.faults.describe()["faults"] == []


@pytest.mark.parametrize("kind", ["kill", "drop", "double", "reorder"])
def test_a_fault_of_an_endpoint_that_does_not_exist_is_rejected(faults: FaultClient, kind: str) -> None:
    with pytest.raises(FaultError, match=r"^There is no endpoint 'nope', so the fault would never occur\.$"):
        faults.add(kind, endpoint="nope")
    assert faults.describe()["faults"] == []


def test_a_slow_start_may_wait_for_an_endpoint_and_says_so(faults: FaultClient) -> None:
    number, note = faults.add_with_note("slow-start", endpoint="later")
    assert (number, note) == (1, "There is no endpoint 'later' yet: the fault waits for one of that name.")
    with pytest.raises(FaultError, match=r"^There is no endpoint 'no name', so"):
        faults.add("slow-start", endpoint="no name")


def handled(members: dict[str, str]) -> dict[str, str]:
    route = faults_route(Faults(), lambda: ["receipts-async", "invoices"])
    return dict(json.loads(route("POST", "", {}, json.dumps(members).encode())[2]))


def test_the_nearest_endpoint_is_suggested() -> None:
    rejected = handled({"kind": "kill", "endpoint": "reciepts-async"})
    assert rejected["message"].endswith("would never occur. Did you mean receipts-async?")
    assert handled({"kind": "kill", "endpoint": "invoices"})["note"] is None
