"""How long the model took, read from a CloudWatch over HTTP."""

import uuid
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from async_endpoint.operations.jobs.cost import Period
from async_endpoint.operations.model_seconds import read_model_seconds
from async_endpoint.protocol import VARIANT_NAME

DAY = 86_400
TODAY = int(datetime.now(UTC).timestamp()) // DAY * DAY
PERIOD = Period(TODAY - DAY, TODAY + DAY)
pytestmark = pytest.mark.usefixtures("local_services")


@pytest.fixture
def endpoint() -> str:
    return uuid.uuid4().hex


def put(endpoint: str, day: int, **datum: Any) -> None:
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": VARIANT_NAME}]
    data: list[Any] = [
        {"MetricName": "ModelLatency", "Dimensions": dimensions, "Timestamp": datetime.fromtimestamp(day, UTC), **datum}
    ]
    boto3.client("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=data)


def read(endpoint: str) -> str | None:
    return read_model_seconds(boto3.client("cloudwatch"), endpoint, PERIOD)


def test_the_percentiles_are_those_of_the_day_with_the_most_requests(endpoint: str) -> None:
    put(endpoint, TODAY - DAY, Value=250_000.0)
    put(endpoint, TODAY - DAY + 60, Value=250_000.0)
    put(endpoint, TODAY, Value=9e6)
    assert read(endpoint) == "p50=0.25,p95=0.25,p99=0.25"


def test_statistic_sets_have_a_mean_alone(endpoint: str) -> None:
    put(endpoint, TODAY, StatisticValues={"SampleCount": 4.0, "Sum": 6e6, "Minimum": 1e6, "Maximum": 2e6})
    assert read(endpoint) == "1.5"


def test_without_a_datapoint_nothing_is_known(endpoint: str) -> None:
    assert read(endpoint) is None
