"""The calls of a variant's capacity, beyond those that the watchdog's adapter tests, and the hold of the wake alarm."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from async_endpoint.protocol import ScalingBounds, VariantCapacity, VariantScaling, hold_wake_alarm
from tests.support.raw_server import raw_server

NOW = datetime(2027, 1, 15, 8, 0, 40, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Aws:
    """SageMaker, Application Auto Scaling and CloudWatch in memory."""

    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []

    def describe_endpoint(self, **members: Any) -> dict[str, Any]:
        assert members == {"EndpointName": "receipts"}
        variants = [
            {"VariantName": "AllTraffic", "CurrentInstanceCount": 0, "DesiredInstanceCount": 2},
            {"VariantName": "Other", "CurrentInstanceCount": 7, "DesiredInstanceCount": 7},
        ]
        return {"EndpointStatus": "Updating", "LastModifiedTime": NOW, "ProductionVariants": variants}

    def describe_scalable_targets(self, **members: Any) -> dict[str, Any]:
        assert members["ResourceIds"] == ["endpoint/receipts/variant/AllTraffic"]
        suspended = {"DynamicScalingOutSuspended": True}
        return {"ScalableTargets": [{"MinCapacity": 1, "MaxCapacity": 4, "SuspendedState": suspended}]}

    def update_endpoint_weights_and_capacities(self, **_: Any) -> None: ...

    def put_metric_data(self, **members: Any) -> None:
        assert members["Namespace"] == "AsyncEndpoint"
        self.data += members["MetricData"]


def test_what_is_desired_and_allowed_is_that_of_the_variant() -> None:
    variant = VariantScaling(Aws(), Aws(), endpoint="receipts", variant="AllTraffic")
    assert variant.capacity() == VariantCapacity(
        status="Updating", running=0, desired=2, changed_at="2027-01-15T08:00:40.000Z"
    )
    assert variant.bounds() == ScalingBounds(minimum=1, maximum=4, scale_out_suspended=True)


def test_a_hold_covers_what_the_alarm_looks_back_on_and_the_cooldown() -> None:
    aws = Aws()
    hold_wake_alarm(aws, "receipts", now=NOW, seconds=901)
    times = [each["Timestamp"] for each in aws.data]
    assert times == [NOW.replace(second=0) + number * MINUTE for number in range(-10, 17)]
    assert {each["Value"] for each in aws.data} == {0.0}
    assert {each["MetricName"] for each in aws.data} == {"WakeAlarmHeld"}
    assert all(each["Dimensions"] == [{"Name": "EndpointName", "Value": "receipts"}] for each in aws.data)


def test_a_hold_stays_within_the_two_hours_that_cloudwatch_takes() -> None:
    aws = Aws()
    hold_wake_alarm(aws, "receipts", now=NOW, seconds=86_400)
    assert aws.data[-1]["Timestamp"] < NOW + timedelta(hours=2)


def test_a_connection_that_breaks_is_said_as_it_is(session: boto3.Session) -> None:
    with raw_server() as server:  # it ends each connection without a response
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        sagemaker = session.client("sagemaker", endpoint_url=server.url, config=config)
        variant = VariantScaling(sagemaker, Aws(), endpoint="receipts", variant="AllTraffic")
        with pytest.raises(ConnectionClosedError):
            variant.capacity()
        with pytest.raises(ConnectionClosedError):
            variant.set_instances(1)
        sagemaker.close()
