"""What functions do reaches CloudWatch under AWS's names, on AWS's clock, and late, as every metric of AWS's does."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.emulator.conftest import SPEED, Running
from tests.emulator.fakes import ACCOUNT, REGION, eventually
from tests.emulator.functions import create_function

PATIENCE = 180.0  # seconds
HANDLER = """
def handler(event, context):
    raise ValueError("as asked")
"""


@pytest.fixture
def failing(running: Running) -> Iterator[str]:
    """The name of a function that fails."""
    functions, name = running.client("lambda"), f"failing-{uuid.uuid4().hex[:12]}"
    create_function(functions, name, HANDLER)
    yield name
    functions.delete_function(FunctionName=name)


@pytest.fixture
def mapped(running: Running, failing: str) -> Iterator[str]:
    """The name of a function that fails on each message of its queue, which has one."""
    functions, sqs, name = running.client("lambda"), running.client("sqs"), failing
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = functions.create_event_source_mapping(EventSourceArn=source, FunctionName=name)["UUID"]
    sqs.send_message(QueueUrl=url, MessageBody="any")
    yield name
    functions.delete_event_source_mapping(UUID=mapping)
    sqs.delete_queue(QueueUrl=url)


def alarm_state(running: Running, namespace: str, metric: str, dimension: str, value: str) -> Callable[[], str]:
    """Puts an alarm that one datapoint of 1 or more raises; returns a function that returns its state."""
    cloudwatch, name = running.client("cloudwatch"), f"{metric}-{value}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": dimension, "Value": value}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    return lambda: str(cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def schedule(running: Running, function: str) -> str:
    """Returns the name of a rule that invokes a function each minute of AWS's clock."""
    events, name = running.client("events"), f"rule-{uuid.uuid4().hex[:12]}"
    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    events.put_targets(Rule=name, Targets=[{"Id": "it", "Arn": arn}])
    return name


def unschedule(running: Running, rule: str) -> None:
    events = running.client("events")
    events.remove_targets(Rule=rule, Ids=["it"])
    events.delete_rule(Name=rule)


def test_an_alarm_on_the_errors_of_a_function_of_a_queue_goes_to_alarm(running: Running, mapped: str) -> None:
    state = alarm_state(running, "AWS/Lambda", "Errors", "FunctionName", mapped)
    eventually(lambda: state() == "ALARM", "ALARM", limit=PATIENCE)


def test_an_alarm_on_the_errors_of_a_function_of_a_schedule_goes_to_alarm(running: Running, failing: str) -> None:
    state = alarm_state(running, "AWS/Lambda", "Errors", "FunctionName", failing)
    rule = schedule(running, failing)
    eventually(lambda: state() == "ALARM", "ALARM", limit=PATIENCE)
    unschedule(running, rule)


def test_an_alarm_on_a_schedule_whose_function_is_gone_goes_to_alarm(running: Running, failing: str) -> None:
    gone, there = schedule(running, "gone"), schedule(running, failing)
    states = {rule: alarm_state(running, "AWS/Events", "FailedInvocations", "RuleName", rule) for rule in (gone, there)}
    eventually(lambda: states[gone]() == "ALARM", "ALARM", limit=PATIENCE)
    assert states[there]() != "ALARM"
    unschedule(running, gone)
    unschedule(running, there)


def test_invocations_and_errors_have_times_of_awss_clock(running: Running, mapped: str) -> None:
    cloudwatch = running.client("cloudwatch")
    began = datetime.fromtimestamp(running.local.began, UTC)

    def sums(name: str) -> list[tuple[float, float]]:
        """Each minute's Sum and SampleCount, of minutes that only AWS's clock has reached."""
        statistics = cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=name,
            Dimensions=[{"Name": "FunctionName", "Value": mapped}],
            StartTime=datetime.now(UTC),
            EndTime=began + timedelta(hours=SPEED),
            Period=60,
            Statistics=["Sum", "SampleCount"],
        )
        return [(point["Sum"], point["SampleCount"]) for point in statistics["Datapoints"]]

    for name in ("Invocations", "Errors"):
        found = eventually(partial(sums, name), f"a minute of {name}")
        assert all(total == count for total, count in found)
    assert all(total == 0 for total, _ in eventually(lambda: sums("Throttles"), "a minute of Throttles"))
