"""Invocations through boto3, of endpoints that do not serve."""

import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

import pytest

from tests.emulator.conftest import Running
from tests.emulator.fakes import ACCOUNT, REGION
from tests.emulator.sagemaker.calls import Client, rejection


def test_invoking_an_unknown_endpoint(runtime: Client) -> None:
    assert rejection(runtime.invoke_endpoint_async, EndpointName="nobody", InputLocation="s3://b-1/k") == (
        "ValidationError",
        f"Endpoint nobody of account {ACCOUNT} not found.",
    )


def test_a_call_without_a_signature(running: Running, failed: str) -> None:
    def post(path: str, headers: dict[str, str]) -> tuple[int, str]:
        url = f"{running.local.endpoint_url}{path}"
        request = urllib.request.Request(url, b"x", headers, method="POST")  # noqa: S310 - localhost
        with pytest.raises(urllib.error.HTTPError) as rejected:
            urllib.request.urlopen(request, timeout=5)  # noqa: S310 - localhost
        with rejected.value as answer:
            return rejected.value.code, answer.read().decode()

    message = f"Endpoint {failed} of account {ACCOUNT} is not in service."
    assert post(f"/endpoints/{failed}/async-invocations", {}) == (
        HTTPStatus.BAD_REQUEST,
        f'{{"__type": "ValidationError", "message": "{message}"}}',
    )
    assert "call it with InvokeEndpointAsync" in post(f"/endpoints/{failed}/invocations", {})[1]
    of_s3 = {"Authorization": f"AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/s3/aws4_request"}
    assert post(f"/endpoints/{failed}/async-invocations", of_s3)[0] == HTTPStatus.METHOD_NOT_ALLOWED
    assert post("/endpoints/unsigned/elsewhere", {})[0] == HTTPStatus.METHOD_NOT_ALLOWED


def test_an_asynchronous_endpoint_rejects_a_synchronous_call(runtime: Client, failed: str) -> None:
    code, message = rejection(runtime.invoke_endpoint, EndpointName=failed, Body=b"x")
    assert code == "ValidationError"
    assert message.endswith("call it with InvokeEndpointAsync.")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"InputLocation": "s3://b-1/k", "InferenceId": "x" * 65},
            "at 'inferenceId' failed to satisfy constraint: Member must have length less than or equal to 64",
        ),
        (
            {"InputLocation": "s3://b-1/k", "RequestTTLSeconds": 21_601},
            "Member must have value less than or equal to 21600",
        ),
        ({"InputLocation": "s3://b-1/k", "Body": b"x"}, "Exactly one of InputLocation and Body must be given."),
        ({}, "Exactly one of InputLocation and Body must be given."),
    ],
)
def test_invocations_that_break_a_rule(runtime: Client, failed: str, members: dict[str, Any], message: str) -> None:
    code, text = rejection(runtime.invoke_endpoint_async, EndpointName=failed, **members)
    assert code == "ValidationError"
    assert message in text


def test_an_endpoint_that_does_not_serve_rejects_requests(runtime: Client, failed: str) -> None:
    assert rejection(runtime.invoke_endpoint_async, EndpointName=failed, InputLocation="s3://bucket/key") == (
        "ValidationError",
        f"Endpoint {failed} of account {ACCOUNT} is not in service.",
    )
