"""A document put into the inbox of a sleeping endpoint wakes it in seconds, at real time.

On the shared stage, whose clock runs sixty times faster, the function's own second would be a minute of AWS's.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import boto3
import psutil
import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.launcher import LocalAws
from async_endpoint.protocol import WAKE_HELD, WAKE_NAMESPACE, JobState
from demo.deployment import Cdk, Deployment, synthesised_region
from tests.end_to_end.conftest import Stage, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

KNOWN_SECONDS = 61.0  # for so long a function that has woken the endpoint takes it for awake


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


def wanted_instances(stage: Stage) -> int | None:
    return stage.deployment.variant()["DesiredInstanceCount"] or None


def ended(stage: Stage, prefix: str, count: int) -> None:
    table = boto3.resource("dynamodb").Table(stage.deployment.jobs_table)

    def all_ended() -> bool | None:
        jobs = [item for item in table.scan()["Items"] if str(item.get("key", "")).startswith(prefix)]
        return (len(jobs) == count and {job["state"] for job in jobs} == {JobState.COMPLETED}) or None

    wait_for(all_ended, f"the outcomes of {count} documents")


def seconds_until_wake(stage: Stage, keys: Sequence[str], document: bytes) -> float:
    """From before the first upload until an instance is wanted."""
    started = time.monotonic()
    for key in keys:
        stage.put(document, key)
    wait_for(lambda: wanted_instances(stage), "a wanted instance")
    return time.monotonic() - started


def wakes_by_the_alarm() -> list[str]:
    """The causes of all scaling activities until now that name the wake alarm, which is the second way."""
    scaling = boto3.client("application-autoscaling")
    activities = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
    return [activity["Cause"] for activity in activities if "WakeAlarm" in activity["Cause"]]


def processes_of(stage: Stage, function: str) -> int:
    """How many processes of a function run."""
    found = 0
    for process in psutil.Process(stage.local.pid).children(recursive=True):
        with suppress(psutil.Error):  # it ends meanwhile
            found += function in process.environ().get("AWS_LAMBDA_FUNCTION_NAME", "")
    return found


def test_a_function_that_never_ran_wakes_a_sleeping_endpoint(
    stage_in_real_time: Stage, receipts: list[tuple[bytes, dict[str, str]]]
) -> None:
    stage = stage_in_real_time
    stage.deployment.scale_to_zero(stage.local)
    assert processes_of(stage, "IntakeFunction") == 0

    seconds = seconds_until_wake(stage, ["inbox/cold/1.png"], receipts[8][0])

    print(f"a capacity call {seconds:.1f} s after the upload, the function's start included")  # noqa: T201 - the measurement
    ended(stage, "inbox/cold/", 1)
    assert wakes_by_the_alarm() == []
    assert processes_of(stage, "IntakeFunction") > 0


def test_documents_in_the_inbox_wake_a_sleeping_endpoint_without_its_alarm(
    stage_in_real_time: Stage, receipts: list[tuple[bytes, dict[str, str]]]
) -> None:
    stage = stage_in_real_time
    # The function's first start is not part of this one.
    stage.put(receipts[8][0], "inbox/first.png")
    ended(stage, "inbox/first", 1)
    stage.deployment.scale_to_zero(stage.local)
    time.sleep(KNOWN_SECONDS)

    seconds = seconds_until_wake(stage, [f"inbox/warm/{number}.png" for number in range(8)], receipts[8][0])

    print(f"a capacity call {seconds:.1f} s after the first of eight uploads")  # noqa: T201 - the measurement
    ended(stage, "inbox/warm/", 8)
    (held,) = boto3.client("cloudwatch").list_metrics(Namespace=WAKE_NAMESPACE)["Metrics"]
    assert held["MetricName"] == WAKE_HELD
    assert wakes_by_the_alarm() == []
