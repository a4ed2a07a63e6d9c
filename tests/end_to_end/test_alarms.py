"""Every alarm of a deployed stage is provoked, and is OK again after the commands of its runbook.

Three troubles come one after the other, each of which raises several alarms: no instance comes while the functions
break; the endpoint at work fails; an instance does not stop.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.operations.diagnose.reads.clients import Clients
from async_endpoint.operations.diagnose.reads.stacks import read_stack_reasons, read_stacks, stack_names
from async_endpoint.protocol import JobRecord, JobState
from tests.end_to_end.conftest import PATIENCE_SECONDS, wait_for
from tests.end_to_end.shapes_stage import ShapesStage, document, shapes_stage
from tests.end_to_end.test_your_own_model import EXAMPLE, app_with_the_example_alone
from tests.support.alarm_faults import Function, Retries, Schedule, backdate
from tests.support.permissions import Need, actions_of, is_allowed, recorded, statements_of
from tests.support.runbooks import PROVOKED, SCALE, sections, verbs
from tests.support.why_stage import Deployed, client

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

SPEED = 60.0
FAILURES = 12  # more than are submitted again by the first command
CANCELLED = 8
EXPIRED = 2
# The minutes of AWS's clock in which something fails that happens once: the datapoint of one minute may never arrive.
MINUTES = 3
# Impatient alarms, which one failure is enough for: how many fail in a minute of AWS's clock is up to this machine. One
# attempt of a document: it stays failed until a command submits it again.
SETTINGS = """
[alarms]
stuck_minutes = 3
oldest_request_seconds = 60
idle_minutes = 20
queue_age_seconds = 60
failures = 1

[updates]
rollback_failures = 1

[workflow]
timeout_seconds = 15
max_concurrency = 3
max_attempts = 5
max_submissions = 1
retry_delay_seconds = 0
admission = false
"""
# Longer than a start takes, which is no faster than on the wall's clock.
EXPIRY = "request_ttl_seconds = 2400"
WORK = "    confidence, index ="
BUG = """    import pathlib
    if pathlib.Path({flag!r}).exists():
        raise RuntimeError("a bug")
"""


class Alarmed:
    """The deployed stage, what its alarms are, and which commands were run.

    Attributes:
        stage: The stage.
        deployed: Its resources.
        bug: While this file exists, the model fails.
        ran: The commands, such as "redrive" and "dlq list".
        needs: The permissions that those who look at the stage needed.
    """

    def __init__(self, stage: ShapesStage, bug: Path) -> None:
        self.stage = stage
        self.bug = bug
        self.deployed = Deployed.read("async-endpoint-shapes")
        self.ran: set[str] = set()
        self.needs: set[Need] = set()
        self._names = {physical: logical[:-8] for logical, physical in self.deployed.resources.items()}

    def run(self, command: str, *arguments: str, status: int = 0) -> str:
        """Runs a command of a runbook, and says yes where it asks; returns what it prints."""
        result = CliRunner().invoke(main, [*command.split(), *arguments, "--stage", "shapes"], input="y\n")
        assert result.exit_code == status, (command, arguments, result.output)
        self.ran.add(command)
        return result.stdout

    def upload(self, key: str) -> None:
        """Puts a document into the input bucket."""
        self.stage.put(client("s3"), key, document(0)[0])

    def in_minutes(self, begin: Callable[[int], object]) -> None:
        """Calls a function with 0, 1, ..., each time in another minute of AWS's clock."""
        for number in range(MINUTES):
            begin(number)
            time.sleep(1.2 * 60 / SPEED)

    def states(self) -> dict[str, str]:
        """The state of each alarm, by its logical id without the hash."""
        pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNames=self._alarms())
        return {self._names[each["AlarmName"]]: each["StateValue"] for page in pages for each in page["MetricAlarms"]}

    def _alarms(self) -> list[str]:
        return [physical for physical, logical in self._names.items() if logical in PROVOKED or logical in SCALE]

    def await_alarms(self, *names: str) -> None:
        """Waits until each of the alarms has been in ALARM; some are OK again before the last one is."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left := set(names) - self.provoked():
            assert time.monotonic() < deadline, f"never in ALARM: {left}"
            time.sleep(0.2)

    def await_quiet(self) -> None:
        """Waits until no alarm that notifies is in ALARM."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while alarms := [name for name, state in self.states().items() if state == "ALARM" and name not in SCALE]:
            assert time.monotonic() < deadline, f"still in ALARM: {alarms}"
            time.sleep(0.2)

    def provoked(self) -> set[str]:
        """The alarms that have been in ALARM and have acted on it, by their histories."""
        pages = client("cloudwatch").get_paginator("describe_alarm_history").paginate(HistoryItemType="Action")
        items = [item for page in pages for item in page["AlarmHistoryItems"]]
        acted = {item["AlarmName"] for item in items if item["HistorySummary"].startswith("Successfully executed")}
        return {self._names[name] for name in acted & self._names.keys()}

    def await_jobs(self, prefix: str, state: JobState, count: int = 1) -> list[JobRecord]:
        """Waits until that many jobs below a prefix are in a state."""

        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            jobs = [job for jobs in self.stage.jobs(prefix).values() for job in jobs]
            if [job.state for job in jobs] == [state] * count:
                return jobs
            assert time.monotonic() < deadline, f"not {count} {state.value}: {[(job.key, job.state) for job in jobs]}"
            time.sleep(0.2)

    def complete(self, *keys: str) -> None:
        """Waits for the results of documents; what expires meanwhile, because a start took so long, is redriven."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left := [key for key in keys if self._state(key) is not JobState.COMPLETED]:
            if JobState.EXPIRED in map(self._state, left):
                self.run("redrive", "--state", "EXPIRED", "--since", "1d")
            assert time.monotonic() < deadline, f"not completed: {left}\n{self.run('dlq list')}"
            time.sleep(0.5)

    def _state(self, key: str) -> JobState | None:
        return next((job.state for jobs in self.stage.jobs(key).values() for job in jobs), None)

    def look(self, job: JobRecord) -> None:
        """Runs every command of those who look for the cause of trouble, and collects what they need."""
        location = f"s3://{job.bucket}/{job.key}"
        with recorded() as needs:
            self.run("why", status=1)
            self.run("why", job.job_id, status=1)
            self.run("status", location, "--history")
            self.run("jobs", "--state", "SUBMITTED")
            self.run("jobs", "--cost", "--since", "1h")
            self.run("logs", "--since", "1h")
            # Only a stack that was rolled back has these events read.
            clients = Clients.from_session(boto3.Session())
            names, _ = read_stacks(clients, stack_names("async-endpoint-shapes-workflow"), "")
            read_stack_reasons(clients, replace(names, statuses=dict.fromkeys(names.statuses, "ROLLBACK_COMPLETE")))
        self.needs |= needs

    def await_instances(self, count: int) -> None:
        """Waits until the endpoint has that many instances."""
        variant = self.stage.deployment.variant
        wait_for(lambda: variant()["CurrentInstanceCount"] == count or None, f"{count} instances")


@pytest.fixture(scope="module")
def alarmed(serving: ServingEnvironments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alarmed]:
    folder = tmp_path_factory.mktemp("alarms")
    bug = folder / "bug"
    app = app_with_the_example_alone(folder / "app").parent
    code = app / EXAMPLE / "code" / "inference.py"
    text = code.read_text(encoding="utf-8")
    assert text.count(WORK) == 1
    code.write_text(text.replace(WORK, BUG.format(flag=str(bug)) + WORK), encoding="utf-8")
    with (
        shapes_stage(serving, folder, speed=SPEED, more=SETTINGS, endpoint=EXPIRY) as stage,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in stage.local.environment(stage.region).items():
            environment.setenv(name, value)
        stage.deployment.scale_to_zero(stage.local)
        yield Alarmed(stage, bug)


def test_requests_wait_expire_and_are_dead_lettered_while_no_instance_comes_and_functions_break(
    alarmed: Alarmed,
) -> None:
    stage, deployed = alarmed.stage, alarmed.deployed
    intake, results, notifier = (Function(deployed, kind) for kind in ("Intake", "Results", "Notifier"))
    schedules = [Schedule(deployed, kind) for kind in ("Watchdog", "Reconciler")]
    retries = Retries(deployed)
    retries.hurry()

    # An instance cannot be had, and the first document waits for one until it expires.
    stage.local.faults.add("no-capacity")
    alarmed.upload("inbox/waits.json")
    (waiting,) = alarmed.await_jobs("inbox/waits.json", JobState.SUBMITTED)
    # Messages stay in the queues, and the functions would break on them.
    for function in (intake, results):
        function.feed(on=False)
    for function in (intake, results, notifier):
        function.lose_its_table()
    for schedule in schedules:
        schedule.lead_nowhere()
    alarmed.upload("by-hand/expires.json")
    client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=deployed.endpoint,
        InputLocation=f"s3://{stage.deployment.inputs}/by-hand/expires.json",
        ContentType="application/json",
        RequestTTLSeconds=60,
    )
    cancelled = [f"inbox/cancelled/{number}.json" for number in range(CANCELLED)]
    for key in ("inbox/message.json", "inbox-urgent/message.json", *cancelled):
        alarmed.upload(key)
    # Outcomes that are not announced; several, because the failing function has to be seen to be late in three minutes.
    alarmed.run("cancel", "--prefix", f"s3://{stage.deployment.inputs}/inbox/cancelled/")
    alarmed.await_alarms(
        "AlarmsStuckAtZero", "AlarmsOldestRequest", "AlarmsExpired", "IntakeWaiting", "UrgentWaiting", "ResultsWaiting",
        "NotifierWaiting", "NotifierErrors", "NotifierAlarm", "WatchdogNotInvoked", "ReconcilerNotInvoked",
    )  # fmt: skip
    for function in (intake, results):
        function.feed(on=True)
    alarmed.await_alarms("IntakeErrors", "ResultsErrors", "IntakeAlarm", "UrgentAlarm", "ResultsAlarm")

    alarmed.look(waiting)
    wait_for(lambda: stage.outcomes() == EXPIRED or None, "the end of both requests")

    # The causes end, and then the runbooks' commands.
    stage.local.faults.clear(seed=0)
    retries.restore()
    for function in (intake, results, notifier):
        function.restore()
    for schedule in schedules:
        schedule.restore()
    listed = alarmed.run("dlq list")
    assert "inbox/message.json" in listed
    assert "inbox-urgent/message.json" in listed
    alarmed.run("dlq redrive")
    alarmed.run("dlq list", "--queue", "events")
    alarmed.run("announce", "--since", "6h")
    alarmed.run("dlq purge", "--queue", "events")
    alarmed.await_jobs("inbox/waits.json", JobState.EXPIRED)
    alarmed.run("redrive", "--state", "EXPIRED", "--since", "1d")
    alarmed.complete("inbox/waits.json", "inbox/message.json", "inbox-urgent/message.json")
    assert "inbox/message.json" in alarmed.run("jobs", "--state", "COMPLETED", "--limit", "10")
    assert alarmed.run("logs", "watchdog", "--since", "1h")
    alarmed.await_quiet()


def test_requests_fail_results_are_not_written_and_nobody_is_notified(alarmed: Alarmed) -> None:
    stage, deployed, s3 = alarmed.stage, alarmed.deployed, client("s3")
    # The start of an instance is over before requests must not expire.
    alarmed.upload("inbox/wakes-first.json")
    alarmed.complete("inbox/wakes-first.json")
    watchdog = Function(deployed, "Watchdog")
    watchdog.lose_its_table()
    alarmed.bug.touch()
    in_each = FAILURES // MINUTES

    def upload_some(minute: int) -> None:
        for number in range(minute * in_each, (minute + 1) * in_each):
            alarmed.upload(f"inbox/failing/{number}.json")

    alarmed.in_minutes(upload_some)
    failed = alarmed.await_jobs("inbox/failing/", JobState.FAILED, FAILURES)
    alarmed.bug.unlink()
    # A copy is no PutObject: the endpoint alone is hit.
    alarmed.upload("aside.json")
    aside = {"Bucket": stage.deployment.inputs, "Key": "aside.json"}
    stage.local.faults.add("error", service="s3", operation="PutObject")
    alarmed.in_minutes(
        lambda number: s3.copy_object(
            Bucket=stage.deployment.inputs, Key=f"inbox/result-not-written/{number}.json", CopySource=aside
        )
    )
    alarmed.await_jobs("inbox/result-not-written/", JobState.FAILED, MINUTES)
    stage.local.faults.clear(seed=0)
    stage.local.faults.add("error", service="sns", operation="Publish")
    alarmed.in_minutes(lambda number: alarmed.upload(f"inbox/not-announced/{number}.json"))
    said = ("logs", "endpoint", "--since", "1h", "--contains", "Failed to publish")
    wait_for(lambda: alarmed.run(*said).count("Failed to publish") >= MINUTES or None, "the failures in the log")
    lost, *_ = alarmed.await_jobs("inbox/not-announced/", JobState.SUBMITTED, MINUTES)
    stage.local.faults.clear(seed=0)
    # The reconciler would find the result, and cannot look.
    stage.local.faults.add("error", service="s3", operation="HeadObject")
    backdate(deployed, lost.job_id, timedelta(days=1))
    alarmed.await_alarms(
        "AlarmsFailures", "RollbackAlarmsFailedInvocations", "RollbackAlarmsModelErrors", "AlarmsUploadFailures",
        "AlarmsNotificationFailures", "ReconcilerErrors", "ReconcilerOverdue", "WatchdogErrors",
    )  # fmt: skip
    assert lost.job_id in alarmed.run("jobs", "--state", "SUBMITTED")

    stage.local.faults.clear(seed=0)
    watchdog.restore()
    # A quarter of an hour on the wall's clock, which does not run faster.
    Function(deployed, "Reconciler").vary(LOOK_AFTER_SECONDS="1")
    assert "a bug" in alarmed.run("status", failed[0].job_id, "--history")
    assert failed[0].job_id in alarmed.run("jobs", "--state", "FAILED")
    alarmed.run("retry", failed[0].job_id)
    again = ("redrive", "--state", "FAILED", "--since", "6h")
    alarmed.run(*again, "--reason", "server error (500)", "--limit", "10")
    alarmed.run(*again, "--reason", "server error (500)")
    alarmed.run(*again)
    alarmed.await_jobs("inbox/failing/", JobState.COMPLETED, FAILURES)
    alarmed.await_jobs("inbox/result-not-written/", JobState.COMPLETED, MINUTES)
    alarmed.await_jobs("inbox/not-announced/", JobState.COMPLETED, MINUTES)
    alarmed.await_quiet()


def test_an_instance_without_work_is_stopped_by_what_why_says(alarmed: Alarmed) -> None:
    cloudwatch, sleep = client("cloudwatch"), alarmed.deployed.named("ScalingSleepAlarm")
    cloudwatch.disable_alarm_actions(AlarmNames=[sleep])
    alarmed.upload("inbox/wakes.json")
    alarmed.complete("inbox/wakes.json")
    alarmed.await_alarms("AlarmsIdleInstances")

    found = json.loads(alarmed.run("why", "--json", "--since", "10m", status=1))["findings"]
    (fix,) = [each["fix"] for each in found if each["cause"] == "alarm-actions-disabled"]
    assert fix == f"aws cloudwatch enable-alarm-actions --alarm-names {sleep}"
    cloudwatch.enable_alarm_actions(AlarmNames=[sleep])
    alarmed.await_instances(0)
    alarmed.await_quiet()


def test_two_policies_of_readers_allow_what_the_commands_read_and_no_more(alarmed: Alarmed) -> None:
    jobs, stage = (statements_of(alarmed.deployed.outputs[f"{kind}ReaderPolicyArn"]) for kind in ("Job", "Stage"))
    assert alarmed.needs
    denied = sorted(f"{need.action} {need.arn}" for need in alarmed.needs if not is_allowed(need, [*jobs, *stage]))
    assert not denied, "\n".join(denied)
    assert actions_of(stage) - {need.action for need in alarmed.needs} == set()


def test_every_alarm_was_provoked_and_every_command_of_the_runbooks_run(alarmed: Alarmed) -> None:
    assert alarmed.provoked() == PROVOKED.keys() | SCALE
    runbooks = sections()
    wanted: dict[str, Any] = {name: verbs(runbooks[name]) for name in PROVOKED.values()}
    assert {name: missing for name, found in wanted.items() if (missing := found - alarmed.ran)} == {}
