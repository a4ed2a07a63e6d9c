"""The client's own wake: what it asks of AWS, and that it never raises."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from async_endpoint.client import EndpointWaker
from async_endpoint.protocol import WAKE_POLICY
from tests.support.raw_server import raw_server

if TYPE_CHECKING:
    import boto3

TRACKING = {
    "PolicyName": "backlog-per-instance",
    "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 5.0},
}
STEPS = {"PolicyName": WAKE_POLICY, "StepScalingPolicyConfiguration": {"Cooldown": 900}}


@dataclass
class Aws:
    """The four services in memory; `denied` is the call that the caller may not make."""

    desired: int = 0
    policies: list[dict[str, Any]] = field(default_factory=lambda: [TRACKING, STEPS])
    denied: str = ""
    counts: list[int] = field(default_factory=list)
    held: int = 0

    def waker(self) -> EndpointWaker:
        session = SimpleNamespace(client=lambda *_, **__: self)
        return EndpointWaker("receipts", cast("boto3.Session", session))

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        self._check("DescribeEndpoint")
        variant = {"VariantName": "AllTraffic", "CurrentInstanceCount": 0, "DesiredInstanceCount": self.desired}
        moment = datetime.now(UTC)
        return {"EndpointStatus": "InService", "LastModifiedTime": moment, "ProductionVariants": [variant]}

    def describe_scalable_targets(self, **_: Any) -> dict[str, Any]:
        return {"ScalableTargets": [{"MinCapacity": 0, "MaxCapacity": 4}]}

    def describe_scaling_policies(self, **_: Any) -> dict[str, Any]:
        return {"ScalingPolicies": self.policies}

    def update_endpoint_weights_and_capacities(self, **members: Any) -> None:
        self._check("UpdateEndpointWeightsAndCapacities")
        self.counts.append(members["DesiredWeightsAndCapacities"][0]["DesiredInstanceCount"])

    def put_metric_data(self, **_: Any) -> None:
        self.held += 1

    def _check(self, call: str) -> None:
        if call == self.denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, call)


def test_it_asks_for_what_the_documents_want_by_the_endpoints_own_policy() -> None:
    aws = Aws()
    assert aws.waker().wake(12) == "The endpoint slept and is woken: 3 instances are wanted."
    assert (aws.counts, aws.held) == ([3], 1)


def test_an_endpoint_with_other_policies_gets_one_instance_and_no_hold() -> None:
    aws = Aws(policies=[])
    aws.waker().wake(12)
    assert (aws.counts, aws.held) == ([1], 0)


def test_an_endpoint_that_is_awake_is_left_alone_without_a_word() -> None:
    aws = Aws(desired=1)
    assert aws.waker().wake(12) is None
    assert aws.counts == []


@pytest.mark.parametrize("call", ["DescribeEndpoint", "UpdateEndpointWeightsAndCapacities"])
def test_a_caller_who_may_not_gets_one_line(call: str) -> None:
    line = Aws(denied=call).waker().wake(12)
    assert line is not None
    assert line.startswith("The endpoint was not woken; if it sleeps, its alarm wakes it within minutes: An error")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("response", "said"),
    [
        pytest.param(b"", "Connection was closed", id="none"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n<p>Login</p>",
            "KeyError: 'EndpointStatus'",
            id="a page of a proxy",
        ),
    ],
)
def test_a_response_that_is_none_of_aws_becomes_one_line(
    session: "boto3.Session", monkeypatch: pytest.MonkeyPatch, response: bytes, said: str
) -> None:
    with raw_server() as server:
        server.response = response
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        line = EndpointWaker("receipts", session).wake(12)
    assert line is not None
    assert line.startswith(f"The endpoint was not woken; if it sleeps, its alarm wakes it within minutes: {said}")
