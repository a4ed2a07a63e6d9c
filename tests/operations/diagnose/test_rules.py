"""Each cause is named first where a healthy stage differs in just that, and by no rule where it does not."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.operations.diagnose import diagnosis
from async_endpoint.operations.diagnose.diagnosis import RULES, diagnose
from async_endpoint.operations.diagnose.facts import (
    Activity,
    BucketFacts,
    Ended,
    EventSource,
    JobsFacts,
    KeyFacts,
    Policy,
    QueueFacts,
    RuleFacts,
    StageNames,
    TargetFacts,
    Watched,
)
from async_endpoint.operations.diagnose.finding import Severity
from async_endpoint.operations.diagnose.snapshot import Snapshot, Unread
from tests.support.diagnosed import (
    ASLEEP,
    AWAKE,
    JUST_DEPLOYED,
    NAME,
    NAMES,
    NOW,
    ROLE_POLICY,
    TOPICS,
    WAKING,
    changed,
    endpoint,
    function,
    points,
    rule,
)

ROOT = Path(__file__).resolve().parents[3]


def activity(message: str, status: str = "Failed") -> tuple[Activity, ...]:
    at = NOW - timedelta(minutes=5)
    return (Activity(began_at=at, ended_at=at, status=status, message=message, description="Setting … to 1."),)


UNDER_WAY = (
    replace(activity("Waiting for change to be fulfilled", "InProgress")[0], began_at=NOW - timedelta(minutes=40)),
    *activity("InsufficientInstanceCapacity"),
)


def alarms(name: str, **changes: Any) -> dict[str, Any]:
    return {**ASLEEP.alarms, name: replace(ASLEEP.alarms[name], **changes)}


def ended(reason: str, state: str = "FAILED") -> JobsFacts:
    return JobsFacts(ended=(Ended(job_id="job-1", state=state, reason=reason, ended_at="2026-01-31T11:59:00.000Z"),))


def without(name: str) -> dict[str, Any]:
    return {each: alarm for each, alarm in ASLEEP.alarms.items() if each != name}


def watching(name: str, **dimensions: str) -> tuple[Watched, ...]:
    return (Watched("AWS/SageMaker", name, dimensions),)


HEADINGS = re.findall(r"^## (.*)$", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"), re.MULTILINE)
ANCHORS = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADINGS}
BUSY = {"endpoint": endpoint(running=2, desired=2), "activities": ()}


def in_status(status: str) -> StageNames:
    return replace(NAMES, statuses={"async-endpoint-dev-endpoint": status})


NO_ENDPOINT_STACK = replace(
    NAMES, outputs={name: value for name, value in NAMES.outputs.items() if name != "EndpointName"}, resources=()
)

_ERRORS_ALARM = "dev-workflow-IntakeErrors1"
INTAKE_FAILS = {
    **ASLEEP.alarms,
    _ERRORS_ALARM: replace(ASLEEP.alarms["Failures"], name=_ERRORS_ALARM, state="ALARM", reason="2 datapoints"),
}

CAUSES: list[tuple[str, dict[str, Any]]] = [
    ("table-deleted", {"table_status": None}),
    ("key-disabled", {"key": KeyFacts("key-1", "Disabled")}),
    ("key-disabled", {"key": KeyFacts("key-1", "PendingDeletion")}),
    ("bucket-missing", {"buckets": (BucketFacts(name="outputs", exists=False),)}),
    ("queue-missing", {"queues": (QueueFacts(worker="intake", waiting=None),)}),
    ("endpoint-missing", {"endpoint": None}),
    ("endpoint-missing", {"endpoint": None, "names": NO_ENDPOINT_STACK}),
    ("endpoint-failed", {"endpoint": endpoint(status="Failed", failure_reason="The primary container did not pass")}),
    ("no-capacity", {"endpoint": endpoint(status="Failed", failure_reason="InsufficientInstanceCapacity: …")}),
    ("permission-missing", {"endpoint": endpoint(status="Failed", failure_reason="The provided role is invalid")}),
    ("archive-missing", {"archive_exists": False}),
    ("permission-missing", {"role_policies": frozenset()}),
    ("permission-missing", {"role_policies": None}),
    ("permission-missing", {"role_lacks": ("Role execution may not sns:Publish on topic: explicitDeny.",)}),
    ("bucket-policy-denies", {"buckets": (BucketFacts(name="outputs", denials=('{"Effect": "Deny"}',)),)}),
    ("target-deregistered", {"target": None}),
    ("scaling-suspended", {"target": TargetFacts(minimum=0, maximum=2, out_suspended=True)}),
    ("scaling-suspended", {"target": TargetFacts(minimum=0, maximum=2, in_suspended=True)}),
    ("scaling-suspended", {"target": TargetFacts(minimum=0, maximum=2, schedules_suspended=True)}),
    ("maximum-zero", {"target": TargetFacts(minimum=0, maximum=0)}),
    ("policy-deleted", {"policies": ASLEEP.policies[1:]}),
    ("policy-added", {"policies": (*ASLEEP.policies, Policy("by-hand", "arn"))}),
    ("alarm-deleted", {"alarms": without("WakeAlarm")}),
    ("policy-alarm-deleted", {"alarms": without("AlarmHigh-1")}),
    ("policy-alarm-deleted", {"policies": (*ASLEEP.policies[:2], Policy("backlog-per-instance", "arn", 5.0, ()))}),
    ("wrong-dimension", {"alarms": alarms("WakeAlarm", watched=watching("ApproximateBacklogSize", EndpointName="x"))}),
    (
        "wrong-dimension",
        {
            "alarms": alarms(
                "WakeAlarm",
                watched=watching("ApproximateBacklogSize", EndpointName="donut-async-dev", VariantName="AllTraffic"),
            )
        },
    ),
    ("alarm-actions-disabled", {"alarms": alarms("SleepAlarm", actions_enabled=False)}),
    ("alarm-without-action", {"alarms": alarms("SleepAlarm", actions=())}),
    ("alarm-notifies-nobody", {"alarms": alarms("Failures", actions=())}),
    ("no-capacity", {"activities": activity("Reason: InsufficientInstanceCapacity: Unable to provision")}),
    ("quota", {"activities": activity("Reason: ResourceLimitExceeded: The account-level service limit 'ml.…' is 0")}),
    ("permission-missing", {"activities": activity("AccessDenied: not authorized to perform: sagemaker:Update…")}),
    ("scaling-failed", {"activities": activity("Something else went wrong")}),
    ("scaling-failed", {"activities": activity("Waiting for change to be fulfilled", "Unfulfilled")}),
    ("deployment-rolled-back", {"names": in_status("UPDATE_ROLLBACK_COMPLETE")}),
    ("deployment-failed", {"names": in_status("UPDATE_FAILED")}),
    ("deployment-failed", {"names": in_status("UPDATE_ROLLBACK_FAILED")}),
    ("deployment-failed", {"names": in_status("DELETE_FAILED")}),
    ("deployment-rolled-back", {"endpoint": endpoint(config="config-0", failure_reason="did not pass the ping")}),
    ("drift", {"endpoint": endpoint(config="by-hand")}),
    (
        "endpoint-stuck",
        {
            "endpoint": endpoint(status="Updating", desired=1),
            "datapoints": {"ApproximateAgeOfOldestRequest": points(2400)},
        },
    ),
    ("endpoint-stuck", {"endpoint": endpoint(status="Updating", pending_since=NOW - timedelta(minutes=40))}),
    ("endpoint-stuck", {"endpoint": endpoint(status="Updating", desired=1), "activities": UNDER_WAY}),
    ("inbox-silent", {"buckets": (BucketFacts(name="inputs", sends_events=False),)}),
    ("function-broken", {"functions": (function("Intake", state="Failed"),)}),
    ("function-throttled", {"functions": (function("Results", reserved=0),)}),
    ("intake-mapping-disabled", {"event_sources": (EventSource("uuid-1", "IntakeFunctionSource", "Disabled"),)}),
    ("watchdog-disabled", {"rules": (RuleFacts("WatchdogSchedule", "watchdog", "DISABLED"),)}),
    ("reconciler-disabled", {"rules": (RuleFacts("ReconcilerSchedule", "reconciler", "DISABLED"),)}),
    ("uploads-rule-disabled", {"rules": (RuleFacts("Uploads4F6EB0FD", "uploads", "Missing"),)}),
    ("webhook-disabled", {"rules": (RuleFacts("NotifierWebhookRule0C5A1E2D", "webhook", "DISABLED"),)}),
    ("uploads-rule-reaches-nothing", {"rules": (rule("Uploads4F6EB0FD"),)}),
    ("uploads-rule-reaches-nothing", {"rules": (rule("UrgentUploads5FBFD1E3"),)}),
    ("watchdog-rule-reaches-nothing", {"functions": (function("Watchdog", takes_events=False),)}),
    ("reconciler-rule-reaches-nothing", {"rules": (rule("ReconcilerSchedule268E3F59"),)}),
    ("webhook-rule-reaches-nothing", {"rules": (rule("NotifierWebhookRule0C5A1E2D"),)}),
    ("subscription-missing", {"subscriptions": {topic: frozenset({"arn:aws:sqs:r:0:other"}) for topic in TOPICS}}),
    ("topic-missing", {"subscriptions": {}}),
    (
        "events-dead-letters",
        {"queues": (QueueFacts(worker="events", waiting=0, dead=1, reasons=("of an unknown kind",)),)},
    ),
    (
        "webhook-dead-letters",
        {"queues": (QueueFacts(worker="webhook", waiting=0, dead=1, reasons=("of an unknown kind",)),)},
    ),
    ("results-queue-policy", {"queues": (QueueFacts(worker="results", waiting=0, takes_messages=False),)}),
    ("queue-without-dlq", {"queues": (QueueFacts(worker="results", waiting=0, redrives=False),)}),
    ("results-dead-letters", {"queues": (QueueFacts(worker="results", waiting=0, dead=3, reasons=("no table",)),)}),
    ("content-type", {"jobs": ended("ClientError: Received client error (415) from model.")}),
    ("documents-rejected", {"jobs": ended("ClientError: Received client error (400) from model.")}),
    ("worker-died", {"jobs": ended("ClientError: Received server error (507) from model.")}),
    ("out-of-memory", {"jobs": ended("CUDA out of memory (ClientError: Received server error (500) from model.)")}),
    ("model-fails", {"jobs": ended("ClientError: Received server error (500) from model.")}),
    ("permission-missing", {"jobs": ended("AccessDenied: the result could not be written")}),
    ("model-too-slow", {"jobs": ended("Model server did not respond: timed out after 300 s")}),
    ("model-too-slow", {"jobs": ended("ClientError: The model did not answer within 7 seconds.", "EXPIRED")}),
    ("input-missing", {"jobs": ended("NoSuchKey: s3://inputs/a does not exist")}),
    ("expired", {"jobs": ended("The request expired after 21600 seconds", "EXPIRED")}),
    ("requests-fail", {"jobs": ended("")}),
    ("out-of-memory", {"endpoint_errors": ("RuntimeError: CUDA out of memory.",)}),
    ("worker-died", {"endpoint_errors": ("Backend worker process died.",)}),
    ("reconciler-overdue", {"datapoints": {"OverdueJobs": points(2)}}),
    ("reconciler-overdue", {"jobs": JobsFacts(submitted=1, oldest_submitted=NOW - timedelta(hours=9))}),
    ("function-fails", {"functions": (function("Intake", errors=("boom",)),), "alarms": INTAKE_FAILS}),
    ("function-fails", {"functions": (function("Intake"),), "alarms": INTAKE_FAILS}),
    (
        "not-woken",
        {
            "functions": (function("Intake", errors=("The endpoint was not woken: AccessDenied",)),),
            "jobs": JobsFacts(submitted=1, oldest_submitted=NOW - timedelta(minutes=20)),
        },
    ),
    (
        "not-waking",
        {
            "jobs": JobsFacts(submitted=1, oldest_submitted=NOW - timedelta(minutes=20)),
            "datapoints": {"ApproximateAgeOfOldestRequest": points(1200)},
        },
    ),
    ("model-too-slow", {**BUSY, "datapoints": {"ModelLatency": points(800e6)}}),
    ("too-few-instances", {**BUSY, "datapoints": {"ApproximateBacklogSize": points(400)}}),
    (
        "never-sleeps",
        {**BUSY, "datapoints": {"ApproximateBacklogSize": points(0), "CPUUtilization": points(90)}},
    ),
    ("alarm", {"alarms": alarms("Failures", state="ALARM")}),
]
NORMAL: list[tuple[str, dict[str, Any]]] = [
    ("admission", {"jobs": JobsFacts(received=40, admission=40, oldest_received=NOW)}),
    ("metrics-late", {"jobs": JobsFacts(submitted=1, oldest_submitted=NOW - timedelta(minutes=2))}),
    ("waking", {"endpoint": WAKING.endpoint}),
    ("changing", {"endpoint": endpoint(status="Updating", running=1, desired=2, changed_at=NOW)}),
    ("minimum", {**BUSY, "target": TargetFacts(minimum=1, maximum=2)}),
    ("warm-window", {**BUSY, "target": TargetFacts(minimum=1, maximum=2), "scheduled_minimums": {"morning": 1}}),
    (
        "minimum",
        {**BUSY, "target": TargetFacts(minimum=1, maximum=2), "scheduled_minimums": {"day-start": 2, "day-end": 1}},
    ),
    (
        "warm-window",
        {**BUSY, "target": TargetFacts(minimum=2, maximum=2), "scheduled_minimums": {"day-start": 2, "day-end": 1}},
    ),
    ("requests-arrive", {**BUSY, "datapoints": {"InvocationsProcessed": points(4)}}),
    (
        "busy-processor",
        {
            "endpoint": endpoint(running=1, desired=1, changed_at=NOW - timedelta(minutes=30)),
            "datapoints": {"ApproximateBacklogSize": points(0), "CPUUtilization": points(90)},
        },
    ),
    (
        "going-to-sleep",
        {
            "endpoint": endpoint(running=1, desired=1, changed_at=NOW - timedelta(minutes=30)),
            "datapoints": {"ApproximateBacklogSize": points(0), "CPUUtilization": points(1)},
        },
    ),
]


@pytest.mark.parametrize(("cause", "changes"), CAUSES)
def test_a_cause_is_named_first_with_what_shows_it_and_what_mends_it(cause: str, changes: dict[str, Any]) -> None:
    (first, *_) = diagnose(changed(**changes)).findings
    assert (first.cause, first.severity) == (cause, Severity.FAULT)
    assert first.evidence
    assert first.fix
    assert first.runbook in ANCHORS
    assert "{" not in re.sub(r'\{"EventBridgeConfiguration": \{\}\}|DeadLetterConfig=\{', "", first.fix)


@pytest.mark.parametrize(("cause", "changes"), NORMAL)
def test_what_is_normal_is_explained_and_no_fault(cause: str, changes: dict[str, Any]) -> None:
    found = diagnose(changed(**changes))
    assert found.faults == ()
    assert found.findings[0].cause == cause


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_is_the_only_one_to_say_something(rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "RULES", tuple(each for each in RULES if each is not rule))
    cases = [*CAUSES, *NORMAL]
    assert any(
        [cause] != [each.cause for each in diagnose(changed(**changes)).findings[:1]] for cause, changes in cases
    )


@pytest.mark.parametrize("snapshot", [ASLEEP, AWAKE, WAKING, JUST_DEPLOYED], ids=["asleep", "awake", "waking", "new"])
def test_a_healthy_stage_has_no_fault(snapshot: Snapshot) -> None:
    assert diagnose(snapshot).faults == ()


QUIET: list[dict[str, Any]] = [
    {"activities": activity("Cannot update in-progress endpoint")},
    {"activities": activity("…", "Overridden")},
    # The endpoint was changed after the failure, and runs: a submission has woken it.
    {
        "activities": activity("InsufficientInstanceCapacity"),
        "endpoint": endpoint(running=1, desired=1, changed_at=NOW),
        "datapoints": {"InvocationsProcessed": points(1)},
    },
    # It looks back at the time before the instance came.
    {
        **BUSY,
        "alarms": alarms("Failures", state="ALARM", watched=watching("HasBacklogWithoutCapacity", EndpointName=NAME)),
        "datapoints": {"InvocationsProcessed": points(1)},
    },
    {"model": None, "role_policies": None},
    {"endpoint": endpoint(status="Updating", desired=1, changed_at=NOW - timedelta(minutes=20))},
    # It slept for hours, and LastModifiedTime is that of the change before: a submission has just woken it.
    {
        "endpoint": endpoint(status="Updating", desired=1),
        "datapoints": {"ApproximateAgeOfOldestRequest": points(120)},
    },
    {"endpoint": endpoint(status="Updating", desired=1), "datapoints": {}},
    # A change that has just begun, and an alarm's action that came in between, while old requests wait.
    {
        "endpoint": endpoint(status="Updating", running=1, desired=2),
        "activities": (*activity("Cannot update in-progress endpoint"), *activity("Waiting", "InProgress")),
        "datapoints": {"ApproximateAgeOfOldestRequest": points(2400)},
    },
    {"endpoint_errors": ("Traceback (most recent call last)",)},
    {"functions": (function("Intake", errors=("a line of one message",)),)},
    {"functions": (function("Intake", reserved=5),)},
    {"functions": (function("Intake", takes_events=False),)},  # no rule has it as its target
    {"names": replace(NAMES, resources=()), "role_lacks": ("Role mine may not sns:Publish on topic.",)},
    {"key": KeyFacts("key-1", "Enabled")},
    {"event_sources": (EventSource("uuid-1", "IntakeFunctionSource", "Updating"),)},
    {**BUSY, "datapoints": {"ModelLatency": points(300e6), "ApproximateBacklogSize": points(8)}},
    {"names": replace(NAMES, resources=()), "target": None, "policies": ()},
    {"jobs": JobsFacts(submitted=1, oldest_submitted=NOW - timedelta(hours=6))},
]


@pytest.mark.parametrize("changes", QUIET)
def test_what_only_looks_like_a_fault_is_none(changes: dict[str, Any]) -> None:
    assert [finding.cause for finding in diagnose(changed(**changes)).faults] == []


@pytest.mark.parametrize(
    "part",
    ["endpoint", "target", "policies", "alarms", "subscriptions", "table_status", "role_policies", "config", "queues"],
)
def test_what_could_not_be_read_is_no_fault(part: str) -> None:
    default = getattr(Snapshot(names=NAMES, now=NOW, since=NOW), part)
    missing = {"subscriptions": {}, "alarms": {}, "policies": (), "role_policies": None}.get(part, default)
    snapshot = changed(**{part: missing, "unread": (Unread(part, "some:Action", "AccessDenied"),)})
    assert diagnose(snapshot).faults == ()


def test_a_failed_deployment_explains_the_configuration_that_serves() -> None:
    serves = endpoint(config="config-0", failure_reason="InsufficientInstanceCapacity: …")
    found = diagnose(changed(names=in_status("UPDATE_FAILED"), endpoint=serves)).findings
    assert [each.cause for each in found if each.severity is Severity.FAULT] == ["deployment-failed"]
    assert found[0].evidence[1] == "FailureReason: InsufficientInstanceCapacity: …"


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ("UPDATE_FAILED", "aws cloudformation rollback-stack --stack-name async-endpoint-dev-endpoint"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name"),
        ("DELETE_FAILED", "Fix the reason, then: make destroy"),
    ],
)
def test_what_ends_a_failed_deployment_depends_on_how_it_failed(status: str, command: str) -> None:
    assert command in (diagnose(changed(names=in_status(status))).findings[0].fix or "")


def test_a_failed_endpoint_is_deleted_whatever_made_it_fail() -> None:
    (first, *_) = diagnose(
        changed(endpoint=endpoint(status="Failed", failure_reason="InsufficientInstanceCapacity"))
    ).findings
    assert "SageMaker can only delete a Failed endpoint" in (first.fix or "")
    assert "by itself" not in (first.fix or "")


@pytest.mark.parametrize(("worker", "since"), [("events", "6h"), ("webhook", "1d")])
def test_only_the_dlq_of_the_events_is_purged_after_they_are_announced(worker: str, since: str) -> None:
    (first, *_) = diagnose(changed(queues=(QueueFacts(worker=worker, waiting=0, dead=1),))).findings
    assert f"announce --since {since} --stage dev" in (first.fix or "")
    assert (first.fix or "").endswith(f"async-endpoint dlq purge --queue {worker} --stage dev")


def test_each_way_to_take_something_from_a_role_is_looked_for_and_undone() -> None:
    (first, *_) = diagnose(changed(role_lacks=("Role execution may not sns:Publish on topic: explicitDeny.",))).findings
    assert first.fix
    looks, undoes = first.fix.split(". Then ")
    for command in ("list-role-policies", "list-attached-role-policies", "get-role"):
        assert f"aws iam {command} --role-name execution" in looks
    assert f"aws iam list-policy-versions --policy-arn {ROLE_POLICY}" in looks
    for command in ("delete-role-policy", "detach-role-policy", "delete-role-permissions-boundary"):
        assert f"aws iam {command}" in undoes
    assert "aws iam set-default-policy-version" in undoes


def test_what_hangs_now_comes_before_the_failure_before_it() -> None:
    found = diagnose(changed(endpoint=endpoint(status="Updating", desired=1), activities=UNDER_WAY)).findings
    assert [each.cause for each in found] == ["endpoint-stuck", "no-capacity"]


def test_a_cause_hides_what_it_explains() -> None:
    found = diagnose(changed(target=None, policies=(), alarms=alarms("Failures", state="ALARM"))).findings
    assert "alarm" not in [finding.cause for finding in found]
