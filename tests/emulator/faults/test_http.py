"""Faults are switched on and off over HTTP, by programs of this machine alone."""

import json
import urllib.error
import urllib.request

import pytest

from async_endpoint.emulator.faults.faults import FaultError
from async_endpoint.emulator.faults.http import FaultClient
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
