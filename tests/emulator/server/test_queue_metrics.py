"""The depth of a queue reaches CloudWatch under the name and the dimension of an alarm on dead-lettered messages."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.emulator.conftest import SPEED, Running
from tests.emulator.fakes import eventually

AGE_SECONDS = 900  # a few seconds of the wall's, in which a busy machine evaluates the alarm at least once


@pytest.fixture
def queue(running: Running) -> Iterator[str]:
    """The name of a queue that holds two messages."""
    name = f"queue-{uuid.uuid4().hex[:12]}"
    sqs = running.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    for text in ("first", "second"):
        sqs.send_message(QueueUrl=url, MessageBody=text)
    running.client("sagemaker").list_endpoints()  # time passes in regions whose SageMaker was called
    yield name
    sqs.delete_queue(QueueUrl=url)


def test_waiting_messages_are_counted_each_minute(running: Running, queue: str) -> None:
    cloudwatch = running.client("cloudwatch")
    began = datetime.fromtimestamp(running.local.began, UTC)

    def depths() -> list[float]:
        statistics = cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": queue}],
            StartTime=began,
            EndTime=began + timedelta(hours=SPEED),
            Period=60,
            Statistics=["Maximum"],
        )
        return [point["Maximum"] for point in statistics["Datapoints"]]

    # A minute may have ended before the second message was there.
    eventually(lambda: 2.0 in depths(), "a minute of the metric")
    assert max(depths()) == 2.0


def test_an_alarm_on_the_depth_of_one_queue_goes_to_alarm(running: Running, queue: str) -> None:
    cloudwatch = running.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=queue,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": queue}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )

    def state() -> bool:
        return bool(cloudwatch.describe_alarms(AlarmNames=[queue])["MetricAlarms"][0]["StateValue"] == "ALARM")

    eventually(state, "ALARM")


def test_an_alarm_on_the_age_of_the_oldest_message_goes_to_alarm_when_it_is_so_old(
    running: Running, queue: str
) -> None:
    cloudwatch = running.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=f"{queue}-age",
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": queue}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=AGE_SECONDS,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )

    def state() -> str:
        return str(cloudwatch.describe_alarms(AlarmNames=[f"{queue}-age"])["MetricAlarms"][0]["StateValue"])

    eventually(lambda: state() == "OK", "OK while the messages are young")
    eventually(lambda: state() == "ALARM", "ALARM when they are so old")
