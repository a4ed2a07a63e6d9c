"""The watchdog, deployed: with the sleep alarm's actions disabled it stops an idle instance, and notifies once."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from async_endpoint.protocol import JobState
from tests.end_to_end.conftest import SPEED, Stage, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

IDLE_MINUTES = 20  # on AWS's clock; longer than a request may take
STAGE_MINUTES = 90  # of the deployed watchdog, before this test changes it


def function_name() -> str:
    found: str
    (found,) = (
        each["FunctionName"] for each in boto3.client("lambda").list_functions()["Functions"]
        if "WatchdogFunction" in each["FunctionName"]
    )  # fmt: skip
    return found


@pytest.fixture
def impatient_watchdog(stage: Stage) -> Iterator[None]:
    """The watchdog waits for twenty minutes, and jobs that other tests left without an outcome are gone."""
    client, name = boto3.client("lambda"), function_name()
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    table = boto3.resource("dynamodb").Table(stage.deployment.jobs_table)
    for item in table.scan()["Items"]:
        if item.get("state") in {JobState.RECEIVED, JobState.SUBMITTED}:
            table.delete_item(Key={"job_id": item["job_id"]})
    assert variables["IDLE_MINUTES"] == str(STAGE_MINUTES)
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "IDLE_MINUTES": str(IDLE_MINUTES)}}
    )
    yield
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


@pytest.fixture
def sleepless(stage: Stage) -> Iterator[None]:
    """The sleep alarm acts no more: what late metrics do to it on AWS."""
    del stage
    cloudwatch = boto3.client("cloudwatch")
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    names = [each["AlarmName"] for each in alarms if "SleepAlarm" in each["AlarmName"]]
    assert len(names) == 1
    cloudwatch.disable_alarm_actions(AlarmNames=names)
    yield
    cloudwatch.enable_alarm_actions(AlarmNames=names)


@pytest.fixture
def alarm_queue(stage: Stage) -> str:
    """The URL of a queue that hears the alarm topic."""
    del stage
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    (topic,) = (each["TopicArn"] for each in sns.list_topics()["Topics"] if "AlarmsTopic" in each["TopicArn"])
    url = sqs.create_queue(QueueName="heard-of-idle-instances")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def heard(url: str) -> list[dict[str, Any]]:
    """What the watchdog said since the last time; other alarms of the stage may speak, too."""
    sqs = boto3.client("sqs")
    said = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            said.append(json.loads(message["Body"]))
    return [each for each in said if "without work" in each.get("Subject", "")]


@pytest.mark.usefixtures("sleepless", "impatient_watchdog")
def test_an_idle_instance_that_scaling_leaves_running_is_stopped_with_one_notification(
    stage: Stage, receipts: list[tuple[bytes, dict[str, str]]], alarm_queue: str
) -> None:
    def instances() -> int:
        return stage.deployment.describe()["ProductionVariants"][0]["CurrentInstanceCount"]

    def status() -> str:
        return stage.deployment.describe()["EndpointStatus"]

    invoked = stage.invoke(stage.put(receipts[7][0], "before-the-watchdog.png"), ContentType="image/png")
    assert stage.outcome(invoked)[0] == "output"
    # A further instance may still be starting.
    wait_for(lambda: stage.deployment.describe()["EndpointStatus"] == "InService" or None, "the instances")
    began, running = time.monotonic(), instances()
    assert running > 0
    wait_for(lambda: instances() == 0 or None, "the end of the idle instance")

    idle = (time.monotonic() - began) * SPEED / 60
    assert idle > IDLE_MINUTES, "minutes on AWS's clock since the last outcome"
    time.sleep(3 * 5 * 60 / SPEED)  # three more looks
    (notice,) = heard(alarm_queue)
    plural = "s" if running > 1 else ""
    assert (
        notice["Subject"]
        == f"{stage.deployment.endpoint}: {running} instance{plural} run{'' if plural else 's'} without work"
    )
    assert "Runbook: docs/operations.md#instances-run-without-work in the repository" in notice["Message"]
    # Not from `began`: what other tests of the stage left in its queues is work, until it is gone.
    seen = re.search(r" For (\d+) minutes the watchdog has seen no work", notice["Message"])
    assert seen is not None
    assert IDLE_MINUTES <= int(seen[1]) < STAGE_MINUTES
    assert instances() == 0
