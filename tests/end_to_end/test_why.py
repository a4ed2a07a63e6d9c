"""`async-endpoint why` names what was done to the deployed stage, and nothing while it is healthy."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.protocol import JobState
from tests.end_to_end.conftest import Stage, deployed_stage, wait_for
from tests.support import why_faults, why_scaling_faults
from tests.support.why_stage import Deployed, Fault, client, jobs_table, settle

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

Receipts = list[tuple[bytes, dict[str, str]]]
MOST_SECONDS = 5.0
QUIET_SECONDS = 90.0  # alarms look back over eight minutes or more, which are as many seconds
CAUSES: list[tuple[str, str, Fault]] = [
    ("wrong-dimension", "the wake alarm watches another endpoint", why_scaling_faults.wake_alarm_of_another_endpoint),
    ("wrong-dimension", "a metric of the queue with a variant", why_scaling_faults.queue_metric_with_a_variant),
    ("alarm-actions-disabled", "the sleep alarm may not act", why_scaling_faults.disabled_actions("ScalingSleepAlarm")),
    ("alarm-actions-disabled", "the wake alarm may not act", why_scaling_faults.disabled_actions("ScalingWakeAlarm")),
    ("alarm-deleted", "the sleep alarm is deleted", why_scaling_faults.deleted_alarm),
    ("policy-alarm-deleted", "target tracking's alarm is deleted", why_scaling_faults.deleted_alarm_of_target_tracking),
    ("alarm-without-action", "the wake alarm has no action", why_scaling_faults.alarm_without_action),
    (
        "scaling-suspended",
        "scaling out is suspended",
        why_scaling_faults.target_with(SuspendedState={"DynamicScalingOutSuspended": True}),
    ),
    (
        "scaling-suspended",
        "scaling in is suspended",
        why_scaling_faults.target_with(SuspendedState={"DynamicScalingInSuspended": True}),
    ),
    ("maximum-zero", "the target allows no instance", why_scaling_faults.target_with(MaxCapacity=0)),
    ("policy-deleted", "the wake policy is deleted", why_scaling_faults.deleted_policy),
    ("target-deregistered", "the target is deregistered", why_scaling_faults.deregistered_target),
    ("permission-missing", "the role lost its policy", why_faults.role_without_its_policy),
    ("watchdog-disabled", "the watchdog's rule is off", why_faults.disabled_rule("WatchdogSchedule")),
    ("reconciler-disabled", "the reconciler's rule is off", why_faults.disabled_rule("ReconcilerSchedule")),
    ("uploads-rule-disabled", "the inbox's rule is off", why_faults.disabled_rule("Uploads")),
    ("intake-mapping-disabled", "the intake's mapping is off", why_faults.disabled_mapping("Intake")),
    ("results-mapping-disabled", "the results' mapping is off", why_faults.disabled_mapping("Results")),
    ("notifier-mapping-disabled", "the notifier's mapping is off", why_faults.disabled_mapping("Notifier")),
    ("function-throttled", "a function may not run", why_faults.throttled_function),
    ("inbox-silent", "the bucket sends no events", why_faults.silent_inbox),
    ("archive-missing", "the model's archive is deleted", why_faults.missing_archive),
    ("bucket-policy-denies", "the output bucket denies writes", why_faults.denying_bucket),
    ("subscription-missing", "the success topic is not subscribed", why_faults.unsubscribed("Success")),
    ("subscription-missing", "the error topic is not subscribed", why_faults.unsubscribed("Error")),
    ("topic-missing", "the success topic is deleted", why_faults.missing_topic("Success")),
    ("topic-missing", "the error topic is deleted", why_faults.missing_topic("Error")),
    ("queue-missing", "the results queue is deleted", why_faults.missing_queue("Results")),
    ("queue-missing", "the urgent queue is deleted", why_faults.missing_queue("Urgent")),
    ("intake-dead-letters", "the intake's DLQ fills", why_faults.dead_letter("Intake")),
    ("urgent-dead-letters", "the urgent queue's DLQ fills", why_faults.dead_letter("Urgent")),
    ("results-dead-letters", "the results' DLQ fills", why_faults.dead_letter("Results")),
    ("out-of-memory", "the log reports CUDA out of memory", why_faults.logged("RuntimeError: CUDA out of memory.")),
    ("worker-died", "the log reports a dead worker", why_faults.logged("Backend worker process died.")),
    ("drift", "another configuration serves", why_faults.other_configuration),
]


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


def forget_jobs(stage: Stage, *states: JobState) -> None:
    """Deletes the jobs in these states, which other tests have left."""
    table = jobs_table(stage.deployment.jobs_table)
    for item in table.scan()["Items"]:
        if item.get("state") in states:
            table.delete_item(Key={"job_id": item["job_id"]})


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
    wait_for(lambda: not faults() or None, QUIET_SECONDS, "a stage without a fault")
    return found


@pytest.fixture
def table_of_causes() -> Iterator[list[str]]:
    """Lines that are printed at the end, for `pytest -s`."""
    lines: list[str] = []
    yield lines
    print("", *lines, sep="\n")  # noqa: T201  # the table is what this test shows


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


def test_each_cause_is_named_first_within_five_seconds_and_none_when_it_is_undone(
    deployed: Deployed, table_of_causes: list[str]
) -> None:
    for cause, what, fault in CAUSES:
        with fault(deployed):
            status, document, seconds = why()
        first = document["findings"][0]["cause"] if document["findings"] else "nothing"
        table_of_causes.append(f"{what:<42}{first:<28}{seconds:.1f} s")
        assert (first, status, document["not_read"]) == (cause, 1, []), what
        assert seconds < MOST_SECONDS, what
    assert faults() == []


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


def test_a_function_that_cannot_start_is_named_by_its_alarm_and_its_log(deployed: Deployed) -> None:
    name = deployed.named("ResultsFunction")

    def fails() -> bool | None:
        client("lambda").invoke(FunctionName=name, Payload=b'{"Records": []}')
        return "function-fails" in causes()[:1] or None

    with why_faults.function_without_a_variable(deployed):
        wait_for(fails, 30, "the cause")
        (found,) = faults()
        assert "JOBS_TABLE is not set" in found["evidence"][0]
    assert "FunctionError" not in client("lambda").invoke(FunctionName=name, Payload=b'{"Records": []}')
    wait_for(lambda: not faults() or None, QUIET_SECONDS, "a stage without a fault")


def test_without_capacity_the_scaling_activity_says_so(stage: Stage, deployed: Deployed, receipts: Receipts) -> None:
    location = stage.put(receipts[0][0], "why/without-capacity.jpg")
    stage.local.faults.add("no-capacity")
    try:
        invoked = stage.invoke(location, ContentType="image/jpeg")
        wait_for(lambda: "no-capacity" in causes()[:1] or None, 30, "the cause")
    finally:
        stage.local.faults.clear(seed=0)
    assert stage.outcome(invoked)[0] == "output"
    settle(deployed)
    wait_for(lambda: not faults() or None, QUIET_SECONDS, "a stage without a fault")


def test_a_stage_at_work_is_explained_and_failed_jobs_by_their_reason(
    stage: Stage, deployed: Deployed, receipts: Receipts
) -> None:
    location = stage.put(receipts[0][0], "why/good.jpg")
    assert stage.outcome(stage.invoke(location, ContentType="image/jpeg"))[0] == "output"
    settle(deployed)
    assert causes() == ["requests-arrive"]
    with ExitStack() as undone:
        undone.enter_context(why_scaling_faults.target_with(MinCapacity=1)(deployed))
        assert causes()[:1] == ["minimum"]
    with why_scaling_faults.warm_window(deployed):
        wait_for(lambda: causes()[:1] == ["warm-window"] or None, 30, "the scheduled action")
        assert "Scheduled action why-start sets it to 1." in said()

    rejected = stage.invoke(location, ContentType="text/csv")
    assert stage.outcome(rejected)[0] == "failure"
    wait_for(lambda: causes()[:1] == ["content-type"] or None, 30, "the failure in the jobs table")
    status, document, _ = why(rejected["InferenceId"])
    assert (status, document["job"]["state"]) == (1, "FAILED")
    assert document["findings"][0]["cause"] == "content-type"
    assert "text/csv" in document["findings"][0]["evidence"][0]
    forget_jobs(stage, JobState.FAILED)

    gone = stage.invoke(f"{location}.gone", ContentType="image/jpeg")
    assert stage.outcome(gone)[0] == "failure"
    wait_for(lambda: causes()[:1] == ["input-missing"] or None, 30, "the failure in the jobs table")
    assert [each["cause"] for each in why(gone["InferenceId"])[1]["findings"]] == ["input-missing"]
    forget_jobs(stage, JobState.FAILED)


def test_a_waking_stage_has_nothing_wrong_and_an_expired_request_is_named(
    stage: Stage, deployed: Deployed, receipts: Receipts
) -> None:
    stage.deployment.scale_to_zero(stage.local)
    location = stage.put(receipts[0][0], "why/expired.jpg")
    with why_scaling_faults.disabled_actions("ScalingWakeAlarm")(deployed):
        client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=deployed.endpoint, InputLocation=location, ContentType="image/jpeg", RequestTTLSeconds=60
        )
        wait_for(lambda: "expired" in causes() or None, 60, "the expired request")
    assert causes()[:1] == ["expired"]
    forget_jobs(stage, JobState.EXPIRED)

    invoked = stage.invoke(location, ContentType="image/jpeg")
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
    assert stage.outcome(invoked)[0] == "output"
