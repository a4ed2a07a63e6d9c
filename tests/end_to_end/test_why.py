"""`async-endpoint why` names what was done to the deployed stage, and nothing while it is healthy."""

import io
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from async_endpoint.cli import main
from async_endpoint.emulator.api.service_quotas import GENEROUS, set_quota
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.protocol import JobState
from demo.deployment import ROOT
from tests.end_to_end.conftest import PATIENCE_SECONDS, Stage, deployed_stage, wait_for
from tests.support import why_deploy_faults, why_faults, why_scaling_faults
from tests.support.why_causes import CAUSES
from tests.support.why_stage import Deployed, client, jobs_table, settle

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

Receipts = list[tuple[bytes, dict[str, str]]]
Named = Callable[..., str]
CLIENTS = ROOT / ".venv-clients" / "bin"
MOST_SECONDS = 60.0  # about one on a quiet machine; here other tests are at work beside it
INSTANCE_TYPE = "ml.g4dn.xlarge"
MANY = 200  # requests at once, which take one instance ten seconds or longer
MENDED_BY_ONE_COMMAND = 20
PAGES = 50  # the most that the model takes: they keep it at work for a second or longer


def why(*arguments: str) -> tuple[int, dict[str, Any], float]:
    """Runs the command; returns its exit status, its document, and the seconds that it took."""
    began = time.monotonic()
    result = CliRunner().invoke(main, ["why", "--stage", "dev", "--json", "--since", "10m", *arguments])
    return result.exit_code, json.loads(result.stdout), time.monotonic() - began


def said() -> str:
    """What the command prints for people."""
    return CliRunner().invoke(main, ["why", "--stage", "dev", "--since", "10m"]).stdout


def causes() -> list[str]:
    """The causes that the command names, after a check of its status and its duration."""
    status, document, seconds = why()
    found = document["findings"]
    assert status == int(any(each["severity"] == "fault" for each in found))
    assert seconds < MOST_SECONDS
    return [each["cause"] for each in found]


def faults() -> list[dict[str, Any]]:
    return [each for each in why()[1]["findings"] if each["severity"] == "fault"]


def is_a_repair(fix: str) -> bool:
    """Whether what the command advises is one command of the AWS CLI, and not a look or a choice."""
    return fix.startswith("aws ") and ", " not in fix and not fix.startswith("aws logs ")


def run_as_printed(command: str) -> None:
    """Runs a command in a shell, as somebody who copies it does."""
    environment = {**os.environ, "PATH": f"{CLIENTS}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)  # noqa: S602  # what it prints is for a shell
    assert done.returncode == 0, f"{command}: {done.stderr}"


def wait_until_quiet() -> None:
    """Waits until nothing is wrong: what was undone may still be in the metrics that alarms look back at.

    The functions may have asked for a job that only a fault had recorded. Nobody finds it, and its message would be
    tried again for minutes of the wall's clock, which are hours of AWS's.
    """
    outputs, deadline = Deployed.read().outputs, time.monotonic() + PATIENCE_SECONDS
    while found := faults():
        for kind in ("Intake", "Urgent"):
            client("sqs").purge_queue(QueueUrl=outputs[f"{kind}QueueUrl"])
        assert time.monotonic() < deadline, (
            f"a stage without a fault did not come within {PATIENCE_SECONDS:g} s: {found}"
        )
        time.sleep(0.1)


def forget_jobs(stage: Stage, *states: JobState) -> None:
    """Deletes the jobs in these states, which other tests have left."""
    table = jobs_table(stage.deployment.jobs_table)
    for item in table.scan()["Items"]:
        if item.get("state") in states:
            table.delete_item(Key={"job_id": item["job_id"]})


def completed(stage: Stage) -> set[str]:
    """The keys of the documents whose jobs have their result."""
    items = jobs_table(stage.deployment.jobs_table).scan()["Items"]
    return {item["key"] for item in items if item.get("state") == JobState.COMPLETED}


def pages_of(image: bytes) -> bytes:
    """A PDF file with the image on each page."""
    page, file = Image.open(io.BytesIO(image)).convert("RGB"), io.BytesIO()
    page.save(file, "PDF", save_all=True, append_images=[page] * (PAGES - 1))
    return file.getvalue()


@pytest.fixture(scope="module")
def stage(serving: ServingEnvironments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage of its own: the faults of other tests would be causes, and these faults would be theirs."""
    with deployed_stage(serving, tmp_path_factory.mktemp("why")) as found:
        yield found


@pytest.fixture(scope="module")
def deployed(stage: Stage) -> Deployed:
    """The deployed stage, asleep."""
    found = Deployed.read()
    stage.deployment.scale_to_zero(stage.local)
    wait_until_quiet()
    return found


@pytest.fixture(scope="module")
def table_of_causes() -> Iterator[list[str]]:
    """Lines that are printed at the end, for `pytest -s`."""
    lines: list[str] = []
    yield lines
    print("", *lines, sep="\n")  # noqa: T201  # the table is what these tests show


@pytest.fixture
def named(table_of_causes: list[str]) -> Named:
    """Waits until the command names a cause first; returns its evidence.

    `again` is done before each look: metrics count for a quarter of an hour, which passes in seconds.
    """

    def check(cause: str, what: str, *, within: float = 0.0, again: Callable[[], object] = lambda: None) -> str:
        deadline = time.monotonic() + within
        while True:
            again()
            status, document, seconds = why()
            first = document["findings"][0] if document["findings"] else {"cause": "nothing", "severity": "normal"}
            # On a busy machine one of its many calls may get no response in time, which it says.
            left = deadline + PATIENCE_SECONDS * bool(document["not_read"]) - time.monotonic()
            if (first["cause"] == cause and not document["not_read"]) or left <= 0:
                break
        table_of_causes.append(f"{what:<42}{first['cause']:<33}{seconds:.1f} s")
        is_fault = first["severity"] == "fault"
        assert (first["cause"], status, document["not_read"]) == (cause, int(is_fault), []), what
        assert seconds < MOST_SECONDS, what
        return " ".join(first["evidence"])

    return check


def test_a_sleeping_stage_has_nothing_wrong(deployed: Deployed) -> None:
    assert faults() == []
    assert f"Nothing is wrong. Looked at endpoint {deployed.endpoint} (InService, 0 instances)" in said()


def test_people_get_the_cause_what_shows_it_and_the_command_that_mends_it(deployed: Deployed) -> None:
    with why_scaling_faults.disabled_actions("ScalingSleepAlarm")(deployed):
        cause, evidence, command, runbook = said().splitlines()
    assert cause == "1. The actions of the alarm ScalingSleepAlarm are disabled: the endpoint does not scale by it."
    assert evidence.startswith("   ActionsEnabled is false for 1 of ")
    assert command == f"   → aws cloudwatch enable-alarm-actions --alarm-names {deployed.named('ScalingSleepAlarm')}"
    assert runbook == "   See docs/operations.md#instances-run-without-work"


def test_each_cause_is_named_first_and_mended_by_the_printed_command_or_by_its_undoing(
    deployed: Deployed, named: Named
) -> None:
    mended = []
    for cause, what, fault in CAUSES:
        with fault(deployed):
            named(cause, what)
            if is_a_repair(fix := why()[1]["findings"][0]["fix"]):
                run_as_printed(fix)
                settle(deployed)
                assert cause not in causes(), what
                mended.append(cause)
    assert faults() == []
    # The others are mended by a deployment, by a choice, or by taking back what somebody has changed.
    assert len(mended) == MENDED_BY_ONE_COMMAND, mended


def test_a_deploy_that_changes_nothing_reports_what_was_deleted(deployed: Deployed) -> None:
    command = ["deploy", "--stack", "async-endpoint-dev-endpoint", "--", "true"]
    complete = CliRunner().invoke(main, command)
    assert complete.exit_code == 0, complete.output
    with why_scaling_faults.deleted_alarm(deployed):
        done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert "serves" in done.stdout
    assert (
        "The stage lacks what CloudFormation believes to exist:\nThe alarm ScalingSleepAlarm is deleted." in done.stderr
    )


def test_what_waits_for_admission_is_normal(deployed: Deployed) -> None:
    with why_faults.WAITING_FOR_ADMISSION(deployed):
        assert causes() == ["admission"]


def test_a_read_that_fails_is_named_and_does_not_end_the_command(stage: Stage, deployed: Deployed) -> None:
    del deployed
    stage.local.faults.add("error", service="sns")
    try:
        status, document, _ = why()
        nothing, not_read = said().splitlines()
    finally:
        stage.local.faults.clear(seed=0)
    assert status == 0
    assert nothing.startswith("Nothing is wrong in what could be read.")
    assert not_read.startswith(
        "Not read: subscriptions (sns:ListSubscriptionsByTopic), so what follows from it is unknown"
    )
    assert [each["part"] for each in document["not_read"]] == ["subscriptions"]


def test_a_function_that_cannot_start_is_named_by_its_alarm_and_its_log(deployed: Deployed, named: Named) -> None:
    def end_of_a_run() -> str | None:
        run: str | None = client("lambda").invoke(FunctionName=deployed.named("WatchdogFunction")).get("FunctionError")
        return run

    with why_faults.function_with("Watchdog", ENDPOINT_NAME=None)(deployed):
        assert end_of_a_run() == "Unhandled"
        # Its schedule runs it again: the alarm fires after errors in two periods of five minutes.
        evidence = named("function-fails", "the watchdog lacks a variable", within=PATIENCE_SECONDS)
        assert "[ERROR] Exception: The environment variable ENDPOINT_NAME is not set" in evidence
    assert end_of_a_run() is None
    # The alarm looks back over twenty minutes: the next test waits for their end.


def test_a_failed_and_a_rolled_back_deployment_are_named_until_one_succeeds(
    stage: Stage, deployed: Deployed, named: Named
) -> None:
    del deployed
    stage.local.faults.add("no-capacity")
    try:
        assert why_deploy_faults.deploy_concurrency(2, disable_rollback=True) == "UPDATE_FAILED"
    finally:
        stage.local.faults.clear(seed=0)
    assert "FailureReason: InsufficientInstanceCapacity" in named("deployment-failed", "an update finds no capacity")
    assert why_deploy_faults.roll_back() == "UPDATE_ROLLBACK_COMPLETE"
    assert "InsufficientInstanceCapacity" in named("deployment-rolled-back", "the update is rolled back")

    set_quota(stage.local.endpoint_url, INSTANCE_TYPE, 0)
    try:
        assert why_deploy_faults.deploy_concurrency(2) == "UPDATE_ROLLBACK_COMPLETE"
    finally:
        set_quota(stage.local.endpoint_url, INSTANCE_TYPE, GENEROUS)
    assert "account-level service limit" in named("deployment-rolled-back", "an update exceeds the quota")

    assert why_deploy_faults.deploy_concurrency(2) == "UPDATE_COMPLETE"
    wait_until_quiet()


def test_a_stage_at_work_is_explained_and_failed_jobs_by_their_reason(
    stage: Stage, deployed: Deployed, receipts: Receipts, named: Named
) -> None:
    location = stage.put(receipts[0][0], "why/good.jpg")

    def explained_by_its_work() -> bool | None:
        # Again each time: only the last quarter of an hour counts, which passes in seconds.
        assert stage.outcome(stage.invoke(location, ContentType="image/jpeg"))[0] == "output"
        return causes() == ["requests-arrive"] or None

    wait_for(explained_by_its_work, "the metrics of the requests")
    with ExitStack() as undone:
        undone.enter_context(why_scaling_faults.target_with(MinCapacity=1)(deployed))
        assert causes()[:1] == ["minimum"]
    with why_scaling_faults.warm_window(deployed):
        evidence = named("warm-window", "a scheduled action raises the minimum", within=PATIENCE_SECONDS)
        assert evidence == "Scheduled action why-start sets it to 1."

    rejected = stage.invoke(location, ContentType="text/csv")
    assert stage.outcome(rejected)[0] == "failure"
    named("content-type", "a document has another content type", within=PATIENCE_SECONDS)
    status, document, _ = why(rejected["InferenceId"])
    assert (status, document["job"]["state"]) == (1, "FAILED")
    assert document["findings"][0]["cause"] == "content-type"
    assert "text/csv" in document["findings"][0]["evidence"][0]
    forget_jobs(stage, JobState.FAILED)

    gone = stage.invoke(f"{location}.gone", ContentType="image/jpeg")
    assert stage.outcome(gone)[0] == "failure"
    named("input-missing", "a document is gone from S3", within=PATIENCE_SECONDS)
    assert [each["cause"] for each in why(gone["InferenceId"])[1]["findings"]] == ["input-missing"]
    forget_jobs(stage, JobState.FAILED)
    wait_until_quiet()


def test_a_slow_model_and_too_few_instances_are_named(
    stage: Stage, deployed: Deployed, receipts: Receipts, named: Named
) -> None:
    location = stage.put(pages_of(receipts[0][0]), "why/slow.pdf")
    slow = stage.invoke(location, ContentType="application/pdf")
    late = stage.invoke(location, ContentType="application/pdf", InvocationTimeoutSeconds=1)
    assert [stage.outcome(slow)[0], stage.outcome(late)[0]] == ["output", "failure"]
    assert "within 1 seconds" in named("model-too-slow", "a request exceeds its time limit", within=PATIENCE_SECONDS)
    assert why(late["InferenceId"])[1]["findings"][0]["cause"] == "model-too-slow"
    forget_jobs(stage, JobState.EXPIRED)
    with ExitStack() as undone:
        for kind in ("Intake", "Reconciler"):
            undone.enter_context(why_faults.function_with(kind, INVOCATION_TIMEOUT_SECONDS="1")(deployed))

        def work() -> None:
            stage.outcome(stage.invoke(location, ContentType="application/pdf"))

        evidence = named(
            "model-too-slow", "requests take nearly as long as they may", within=PATIENCE_SECONDS, again=work
        )
        assert "ModelLatency" in evidence

    location = stage.put(receipts[0][0], "why/many.jpg")
    with why_scaling_faults.target_with(MaxCapacity=1)(deployed):
        invoked = [stage.invoke(location, ContentType="image/jpeg") for _ in range(MANY)]
        evidence = named("too-few-instances", "one instance, which takes two at a time", within=PATIENCE_SECONDS)
        assert "An instance takes 2 requests at a time." in evidence
        assert {stage.outcome(each)[0] for each in invoked} == {"output"}
    wait_until_quiet()


def test_without_quota_or_capacity_the_scaling_activity_says_so(
    stage: Stage, deployed: Deployed, receipts: Receipts, named: Named
) -> None:
    stage.deployment.scale_to_zero(stage.local)
    location = stage.put(receipts[0][0], "why/without-capacity.jpg")
    set_quota(stage.local.endpoint_url, INSTANCE_TYPE, 0)
    try:
        invoked = stage.invoke(location, ContentType="image/jpeg")
        assert f"'{INSTANCE_TYPE} for endpoint usage' is 0" in named("quota", "the quota is 0", within=PATIENCE_SECONDS)
        stage.local.faults.add("no-capacity")
        set_quota(stage.local.endpoint_url, INSTANCE_TYPE, GENEROUS)
        named("no-capacity", "there is no capacity", within=PATIENCE_SECONDS)
    finally:
        set_quota(stage.local.endpoint_url, INSTANCE_TYPE, GENEROUS)
        stage.local.faults.clear(seed=0)
    assert stage.outcome(invoked)[0] == "output"
    settle(deployed)
    wait_until_quiet()


def test_a_waking_stage_has_nothing_wrong_and_an_expired_request_is_named(
    stage: Stage, deployed: Deployed, receipts: Receipts, named: Named
) -> None:
    def shows_a_request_that_no_metric_shows() -> bool | None:
        stage.deployment.scale_to_zero(stage.local)
        settle(deployed)
        # By its record a request waits: of a real one that lasts a second here.
        with why_faults.SUBMITTED(deployed):
            return causes() == ["metrics-late"] or None

    # Again if metrics of earlier requests, which are late as well, wake it.
    wait_for(shows_a_request_that_no_metric_shows, "a look at the sleeping stage")

    key = "inbox/wakes.jpg"
    stage.put(receipts[0][0], key)
    seen = set()
    while (
        client("sagemaker").describe_endpoint(EndpointName=deployed.endpoint)["ProductionVariants"][0][
            "CurrentInstanceCount"
        ]
        == 0
    ):
        seen |= set(causes())
        assert [each for each in faults() if each["cause"] != "alarm"] == []
    assert "waking" in seen
    wait_for(lambda: key in completed(stage) or None, "the result of the upload")

    stage.deployment.scale_to_zero(stage.local)
    location = stage.put(receipts[0][0], "why/expired.jpg")
    with why_scaling_faults.disabled_actions("ScalingWakeAlarm")(deployed):
        client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=deployed.endpoint, InputLocation=location, ContentType="image/jpeg", RequestTTLSeconds=60
        )
        wait_for(lambda: "expired" in causes() or None, "the expired request")
    named("expired", "a request waits beyond its time to live")
    forget_jobs(stage, JobState.EXPIRED)
    wait_until_quiet()
