"""Application Auto Scaling on the wire, and through boto3."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from async_endpoint.emulator.api.application_autoscaling import handle
from tests.emulator.conftest import Running
from tests.emulator.fakes import FakeRegion, fake_region

RESOURCE = "endpoint/receipts/variant/AllTraffic"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": RESOURCE,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
Client = Any  # boto3 makes its clients at run time


@pytest.fixture
def region(tmp_path: Path) -> Iterator[FakeRegion]:
    with fake_region(tmp_path) as region:
        region.create("receipts")
        yield region


@pytest.fixture(scope="module")
def client(running: Running) -> Client:
    return running.client("application-autoscaling")


def test_a_response_is_json_and_an_error_has_its_name(region: FakeRegion) -> None:
    headers = {"x-amz-target": "AnyScaleFrontendService.DeregisterScalableTarget"}
    status, answered, body = handle(region, "/", headers, json.dumps(TARGET).encode())
    assert (status, answered["x-amzn-errortype"]) == (HTTPStatus.BAD_REQUEST, "ObjectNotFoundException")
    assert json.loads(body)["message"].startswith("No scalable target found for service namespace: sagemaker")
    headers = {"x-amz-target": "AnyScaleFrontendService.DescribeScalableTargets"}
    assert handle(region, "/", headers, b'{"ServiceNamespace": "sagemaker"}')[2] == b'{"ScalableTargets": []}'


def test_through_boto3(client: Client) -> None:
    assert client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    assert client.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"] == []
    assert client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"] == []
    with pytest.raises(ClientError) as rejected:
        client.register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=1)
    assert rejected.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": f"SageMaker resource {RESOURCE} does not exist.",
    }
    with pytest.raises(ClientError, match="No scalable target registered"):
        client.put_scheduled_action(**TARGET, ScheduledActionName="nightly", Schedule="cron(0 22 * * ? *)")
    with pytest.raises(ClientError, match="does not implement application-autoscaling:GetPredictiveScalingForecast"):
        client.get_predictive_scaling_forecast(
            **TARGET,
            PolicyName="p",
            StartTime=datetime(2027, 1, 1, tzinfo=UTC),
            EndTime=datetime(2027, 1, 2, tzinfo=UTC),
        )
