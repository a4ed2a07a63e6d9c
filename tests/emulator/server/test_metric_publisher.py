"""What SageMaker measured is seen in the running CloudWatch, minute by minute."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from async_endpoint.cloudwatch import Delayed, DelayRange, Publisher
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.server.metric_publisher import MetricPublisher, SharedMetricStore
from tests.emulator.conftest import Running
from tests.emulator.fakes import ACCOUNT, START

MINUTE_1 = int(START)
DIMENSIONS = {"EndpointName": "receipts", "VariantName": "AllTraffic"}
LATE = {"EndpointName": "late", "VariantName": "AllTraffic"}
RESTARTED = {"EndpointName": "restarted", "VariantName": "AllTraffic"}


@pytest.fixture(scope="module")
def far(running: Running, tmp_path_factory: pytest.TempPathFactory) -> AwsClients:
    """A region in which nothing else publishes."""
    return AwsClients(running.local.endpoint_url, "ap-northeast-1", ACCOUNT, tmp_path_factory.mktemp("far"))


def test_each_minute_is_one_statistic_set_under_the_exact_dimensions(far: AwsClients) -> None:
    store = SharedMetricStore()
    key = MetricKey.from_dimensions("AWS/SageMaker", "ModelLatency", DIMENSIONS)
    for value, at in ((10.0, 0), (30.0, 59), (5.0, MINUTE), (99.0, 2 * MINUTE)):
        store.put(key, value, MINUTE_1 + at)
    store.put(MetricKey.from_dimensions("tests", "Errors", {}), 1.0, MINUTE_1)
    MetricPublisher(far, store, MINUTE_1).publish(MINUTE_1 + 2 * MINUTE)
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
    store.put(MetricKey.from_dimensions("AWS/SageMaker", "ModelLatency", DIMENSIONS), 1.0, MINUTE_1)
    nowhere = AwsClients("http://localhost:1", "us-east-1", ACCOUNT, tmp_path)
    MetricPublisher(nowhere, store, MINUTE_1).publish(MINUTE_1 + MINUTE)
    assert "1 datapoints of AWS/SageMaker could not be published" in caplog.text


def test_a_datapoint_is_seen_by_clients_when_it_arrives_and_keeps_its_timestamp(far: AwsClients) -> None:
    late = Delayed({Publisher.VARIANT: DelayRange(90, 90)})
    store = SharedMetricStore(late)
    store.put(MetricKey.from_dimensions("AWS/SageMaker", "ModelLatency", LATE), 7.0, MINUTE_1)
    publisher = MetricPublisher(far, store, MINUTE_1)

    def seen() -> dict[float, float]:
        (found,) = far.cloudwatch.get_metric_data(
            MetricDataQueries=[
                {
                    "Id": "m",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "AWS/SageMaker",
                            "MetricName": "ModelLatency",
                            "Dimensions": [{"Name": name, "Value": value} for name, value in LATE.items()],
                        },
                        "Period": MINUTE,
                        "Stat": "Sum",
                    },
                }
            ],
            StartTime=datetime.fromtimestamp(MINUTE_1, UTC),
            EndTime=datetime.fromtimestamp(MINUTE_1 + 10 * MINUTE, UTC),
        )["MetricDataResults"]
        return {at.timestamp(): value for at, value in zip(found["Timestamps"], found["Values"], strict=True)}

    publisher.publish(MINUTE_1 + MINUTE + 89)
    assert seen() == {}
    publisher.publish(MINUTE_1 + MINUTE + 90)
    assert seen() == {MINUTE_1: 7.0}


def test_what_is_put_when_its_minute_is_over_is_published_with_the_next(far: AwsClients) -> None:
    store, dimensions = SharedMetricStore(), {"EndpointName": "at-the-last-moment"}
    publisher = MetricPublisher(far, store, MINUTE_1)
    publisher.publish(MINUTE_1 + MINUTE)
    store.put(MetricKey.from_dimensions("AWS/SageMaker", "ApproximateBacklogSize", dimensions), 3.0, MINUTE_1 + 59)
    publisher.publish(MINUTE_1 + 2 * MINUTE)
    publisher.publish(MINUTE_1 + 3 * MINUTE)
    points = far.cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="ApproximateBacklogSize",
        Dimensions=[{"Name": "EndpointName", "Value": "at-the-last-moment"}],
        StartTime=datetime.fromtimestamp(MINUTE_1, UTC),
        EndTime=datetime.fromtimestamp(MINUTE_1 + 9 * MINUTE, UTC),
        Period=MINUTE,
        Statistics=["SampleCount", "Sum"],
    )["Datapoints"]
    assert [(point["SampleCount"], point["Sum"]) for point in points] == [(1.0, 3.0)]


def test_what_had_arrived_before_a_restart_is_not_published_again_and_what_had_not_is(far: AwsClients) -> None:
    store = SharedMetricStore(Delayed({Publisher.VARIANT: DelayRange(120, 120)}))
    key = MetricKey.from_dimensions("AWS/SageMaker", "ModelLatency", RESTARTED)
    for minute in range(4):
        store.put(key, float(minute), MINUTE_1 + minute * MINUTE)
    restarted = MetricPublisher(far, store, MINUTE_1 + 4 * MINUTE)  # minutes 0 and 1 had arrived
    restarted.publish(MINUTE_1 + 10 * MINUTE)
    points = far.cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Dimensions=[{"Name": name, "Value": value} for name, value in RESTARTED.items()],
        StartTime=datetime.fromtimestamp(MINUTE_1, UTC),
        EndTime=datetime.fromtimestamp(MINUTE_1 + 9 * MINUTE, UTC),
        Period=MINUTE,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sorted(point["Sum"] for point in points) == [2.0, 3.0]


@pytest.mark.parametrize(
    ("namespace", "name", "unit"),
    [
        ("AWS/SageMaker", "ModelLatency", "Microseconds"),
        ("AWS/SageMaker", "TotalProcessingTime", "Milliseconds"),
        ("AWS/SageMaker", "ApproximateAgeOfOldestRequest", "Seconds"),
        ("AWS/SageMaker", "InvocationsProcessed", "Count"),
        ("/aws/sagemaker/Endpoints", "CPUUtilization", "Percent"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Count"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "Seconds"),
        ("AWS/Lambda", "Errors", "Count"),
        ("AWS/Lambda", "Duration", "Milliseconds"),
    ],
)
def test_each_metric_has_its_unit(far: AwsClients, namespace: str, name: str, unit: str) -> None:
    store = SharedMetricStore()
    store.put(MetricKey.from_dimensions(namespace, name, DIMENSIONS), 1.0, MINUTE_1)
    MetricPublisher(far, store, MINUTE_1).publish(MINUTE_1 + MINUTE)
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
