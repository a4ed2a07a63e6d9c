"""A document put into the inbox of a sleeping endpoint wakes it in seconds, at real time.

On the shared stage, whose clock runs sixty times faster, the function's own second would be a minute of AWS's.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol import WAKE_HELD, WAKE_NAMESPACE, JobState
from demo.deployment import Cdk, Deployment, synthesised_region
from tests.end_to_end.conftest import ANSWER_SECONDS, Stage, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

WAKE_SECONDS = 5.0  # from an upload to the capacity call
ALARM_SECONDS = 300.0


@pytest.fixture(scope="module")
def stage_in_real_time(serving: ServingEnvironments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("real-time")
    local = LocalAws.start(serving, state_dir=folder / "local-aws", speed=1, tied=True)
    try:
        assembly = str(folder / "cdk.out")
        cdk = Cdk(local, folder / "cdk.log", assembly)
        cdk.run("synth", "--app", ".venv/bin/python app.py", "--quiet", "--output", assembly)
        region = synthesised_region(Path(assembly))
        cdk.bootstrap(region)
        deployment = Deployment.from_outputs(cdk.deploy(folder / "outputs.json"))
        with pytest.MonkeyPatch.context() as environment:
            for name, value in local.environment(region).items():
                environment.setenv(name, value)
            yield Stage(local, cdk, deployment, topics_heard="")
    finally:
        local.stop()


def seconds_until_instances_are_wanted(stage: Stage, since: float, at_most: float) -> tuple[float, int]:
    def wanted() -> int | None:
        return stage.deployment.variant()["DesiredInstanceCount"] or None

    count = wait_for(wanted, at_most, "a wanted instance")
    return time.monotonic() - since, count


def ended(stage: Stage, count: int) -> None:
    table = boto3.resource("dynamodb").Table(stage.deployment.jobs_table)

    def all_ended() -> bool | None:
        jobs = [item for item in table.scan()["Items"] if "state" in item]
        return (len(jobs) == count and {job["state"] for job in jobs} == {JobState.COMPLETED}) or None

    wait_for(all_ended, ANSWER_SECONDS, f"the outcomes of {count} documents")


def test_documents_in_the_inbox_wake_a_sleeping_endpoint_within_five_seconds(
    stage_in_real_time: Stage,
    receipts: list[tuple[bytes, dict[str, str]]],
    record_property: Callable[[str, object], None],
) -> None:
    stage = stage_in_real_time
    stage.deployment.scale_to_zero(stage.local)

    started = time.monotonic()
    for number in range(8):
        stage.put(receipts[number][0], f"inbox/{number}.png")
    seconds, _ = seconds_until_instances_are_wanted(stage, started, ALARM_SECONDS)
    record_property("seconds_by_submission", round(seconds, 2))

    assert seconds <= WAKE_SECONDS
    ended(stage, 8)
    (held,) = boto3.client("cloudwatch").list_metrics(Namespace=WAKE_NAMESPACE)["Metrics"]
    assert held["MetricName"] == WAKE_HELD
    wakes = [
        line
        for line in boto3.client("application-autoscaling").describe_scaling_activities(ServiceNamespace="sagemaker")[
            "ScalingActivities"
        ]
        if "WakeAlarm" in line["Cause"]
    ]
    assert wakes == []


@pytest.mark.skipif(os.environ.get("ASYNC_ENDPOINT_SWEEP") != "full", reason="takes minutes of real time")
def test_without_the_setting_the_alarm_takes_minutes(
    stage_in_real_time: Stage,
    receipts: list[tuple[bytes, dict[str, str]]],
    record_property: Callable[[str, object], None],
) -> None:
    stage, client = stage_in_real_time, boto3.client("lambda")
    (function,) = (each for each in client.list_functions()["Functions"] if "IntakeFunction" in each["FunctionName"])
    variables = {**function["Environment"]["Variables"], "WAKE_ON_SUBMIT": "false"}
    client.update_function_configuration(FunctionName=function["FunctionName"], Environment={"Variables": variables})
    # The hold of an earlier wake would keep the alarm off: it is part of the setting.
    time.sleep(float(os.environ.get("WAKE_HOLD_SECONDS", "0")))
    stage.deployment.scale_to_zero(stage.local)

    started = time.monotonic()
    stage.put(receipts[9][0], "inbox/by-the-alarm.png")
    seconds, _ = seconds_until_instances_are_wanted(stage, started, ALARM_SECONDS)
    record_property("seconds_by_alarm", round(seconds, 2))

    assert seconds > WAKE_SECONDS
