"""What SageMaker measured is seen in the running CloudWatch, minute by minute."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from async_endpoint.emulator.backends import Backends
from async_endpoint.emulator.metric_publisher import MetricPublisher, SharedMetricStore
from async_endpoint.scaling.metrics import MINUTE, MetricKey
from tests.emulator.conftest import Running
from tests.emulator.fakes import ACCOUNT, START

MINUTE_1 = int(START)
DIMENSIONS = {"EndpointName": "receipts", "VariantName": "AllTraffic"}


@pytest.fixture
def far(running: Running, tmp_path: Path) -> Backends:
    """A region in which nobody else publishes."""
    return Backends(running.local.endpoint_url, "ap-northeast-1", ACCOUNT, tmp_path)


def test_each_minute_is_one_statistic_set_under_the_exact_dimensions(far: Backends) -> None:
    store = SharedMetricStore()
    key = MetricKey.of("AWS/SageMaker", "ModelLatency", DIMENSIONS)
    for value, at in ((10.0, 0), (30.0, 59), (5.0, MINUTE), (99.0, 2 * MINUTE)):
        store.put(key, value, MINUTE_1 + at)
    store.put(MetricKey.of("tests", "Errors", {}), 1.0, MINUTE_1)
    MetricPublisher(far, store).publish(MINUTE_1, MINUTE_1 + 2 * MINUTE)
    (listed,) = far.cloudwatch.list_metrics()["Metrics"]
    assert (listed["Namespace"], listed["MetricName"]) == ("AWS/SageMaker", "ModelLatency")
    points = far.cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Dimensions=[{"Name": name, "Value": value} for name, value in DIMENSIONS.items()],
        StartTime=datetime.fromtimestamp(MINUTE_1, UTC),
        EndTime=datetime.fromtimestamp(MINUTE_1 + 3 * MINUTE, UTC),
        Period=MINUTE,
        Statistics=["SampleCount", "Sum", "Minimum", "Maximum"],
    )["Datapoints"]
    found = sorted((p["Timestamp"].timestamp(), p["SampleCount"], p["Sum"], p["Minimum"], p["Maximum"]) for p in points)
    assert found == [(MINUTE_1, 2, 40, 10, 30), (MINUTE_1 + MINUTE, 1, 5, 5, 5)]


def test_a_cloudwatch_that_does_not_answer_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = SharedMetricStore()
    store.put(MetricKey.of("AWS/SageMaker", "ModelLatency", DIMENSIONS), 1.0, MINUTE_1)
    MetricPublisher(Backends("http://localhost:1", "us-east-1", ACCOUNT, tmp_path), store).publish(
        MINUTE_1, MINUTE_1 + MINUTE
    )
    assert "could not publish 1 data of AWS/SageMaker" in caplog.text


@pytest.mark.parametrize(
    ("namespace", "name", "unit"),
    [
        ("AWS/SageMaker", "ModelLatency", "Microseconds"),
        ("AWS/SageMaker", "TotalProcessingTime", "Milliseconds"),
        ("AWS/SageMaker", "ApproximateAgeOfOldestRequest", "Seconds"),
        ("AWS/SageMaker", "InvocationsProcessed", "Count"),
        ("/aws/sagemaker/Endpoints", "CPUUtilization", "Percent"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Count"),
    ],
)
def test_each_metric_has_its_unit(far: Backends, namespace: str, name: str, unit: str) -> None:
    store = SharedMetricStore()
    store.put(MetricKey.of(namespace, name, DIMENSIONS), 1.0, MINUTE_1)
    MetricPublisher(far, store).publish(MINUTE_1, MINUTE_1 + MINUTE)
    points = far.cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in DIMENSIONS.items()],
        StartTime=datetime.fromtimestamp(MINUTE_1, UTC),
        EndTime=datetime.fromtimestamp(MINUTE_1 + MINUTE, UTC),
        Period=MINUTE,
        Statistics=["Sum"],
    )["Datapoints"]
    assert [point["Unit"] for point in points] == [unit]
