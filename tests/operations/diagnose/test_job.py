"""Why a job is where it is, and which command helps."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from async_endpoint.operations.diagnose.diagnosis import diagnose
from async_endpoint.operations.diagnose.facts import EventSource, JobsFacts, RuleFacts, TargetFacts
from async_endpoint.operations.diagnose.finding import Severity
from async_endpoint.operations.diagnose.job import explain
from async_endpoint.protocol import FAILED_BEFORE, WAITS_FOR_ADMISSION, Attempt, JobRecord, JobState, utc_timestamp
from tests.support.diagnosed import ASLEEP, AWAKE, NOW, changed, function

EARLIER = utc_timestamp(NOW - timedelta(minutes=2))
LONG_AGO = utc_timestamp(NOW - timedelta(minutes=40))


def job(state: JobState, **facts: Any) -> JobRecord:
    base: dict[str, Any] = {"job_id": "job-1", "bucket": "inputs", "key": "inbox/a.png", "version": "1"}
    return JobRecord(**base | {"state": state, "received_at": EARLIER} | facts)


@pytest.mark.parametrize(
    ("record", "cause", "severity"),
    [
        (job(JobState.COMPLETED, output_location="s3://outputs/a.out"), "completed", Severity.NORMAL),
        (job(JobState.CANCELLED), "cancelled", Severity.NORMAL),
        (job(JobState.FAILED, reason="Received client error (415) from model."), "content-type", Severity.FAULT),
        (job(JobState.EXPIRED, reason="The request expired after 60 s"), "expired", Severity.FAULT),
        (job(JobState.SUBMITTED, submitted_at=EARLIER), "in-progress", Severity.NORMAL),
        (job(JobState.RECEIVED, claimed_until=WAITS_FOR_ADMISSION), "admission", Severity.NORMAL),
        (job(JobState.RECEIVED), "just-received", Severity.NORMAL),
        (job(JobState.RECEIVED, received_at=LONG_AGO), "message-lost", Severity.FAULT),
        (
            job(
                JobState.RECEIVED,
                attempt=2,
                requested_at=EARLIER,
                cause=f"{FAILED_BEFORE}(503)",
                other_attempts=(Attempt(number=1, state=JobState.FAILED, reason="(503)"),),
            ),
            "next-attempt",
            Severity.NORMAL,
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_job_is_explained_by_its_state(record: JobRecord, cause: str, severity: Severity) -> None:
    found = explain(record, diagnose(AWAKE))
    assert (found.cause, found.severity) == (cause, severity)


def test_a_failure_that_another_attempt_would_meet_again_is_not_just_retried() -> None:
    diagnosis = diagnose(ASLEEP)
    lasting = explain(job(JobState.FAILED, reason="Received client error (400) from model."), diagnosis)
    passing = explain(job(JobState.FAILED, reason="Received server error (503) from model."), diagnosis)
    assert passing.fix == "async-endpoint retry job-1 {label}"
    assert lasting.fix
    assert lasting.fix.startswith(f"{passing.fix}, once")


SUSPENDED = {"target": TargetFacts(minimum=0, maximum=2, out_suspended=True)}
NOBODY_WATCHES = {"functions": (function("Watchdog", takes_events=False),)}
NOTHING_NOTICED = {"rules": (RuleFacts("Uploads4F6EB0FD", "uploads", "ENABLED"),)}
BOTH = {"rules": (RuleFacts("WatchdogScheduleD5E067EF", "watchdog", "ENABLED"), *NOTHING_NOTICED["rules"])}
NO_WEBHOOK = {"rules": (RuleFacts("NotifierWebhookRule0C5A1E2D", "webhook", "ENABLED"),)}
WEBHOOK_OFF = {"rules": (RuleFacts("NotifierWebhookRule0C5A1E2D", "webhook", "DISABLED", ("destination",)),)}
NO_RECONCILER = {"rules": (RuleFacts("ReconcilerSchedule268E3F59", "reconciler", "ENABLED"),)}
NOT_SUBMITTING = {"event_sources": (EventSource("uuid-1", "IntakeFunctionSource", "Disabled"),)}


@pytest.mark.parametrize(
    ("record", "changes", "cause"),
    [
        (job(JobState.SUBMITTED, submitted_at=EARLIER), SUSPENDED, "scaling-suspended"),
        (job(JobState.SUBMITTED, submitted_at=EARLIER), NOT_SUBMITTING, "in-progress"),
        (job(JobState.RECEIVED, claimed_until=WAITS_FOR_ADMISSION), SUSPENDED, "scaling-suspended"),
        (job(JobState.RECEIVED, received_at=LONG_AGO), NOT_SUBMITTING, "intake-mapping-disabled"),
        (job(JobState.RECEIVED, received_at=LONG_AGO), SUSPENDED, "message-lost"),
        (job(JobState.RECEIVED), SUSPENDED, "just-received"),
        (job(JobState.RECEIVED, received_at=LONG_AGO), NOTHING_NOTICED, "uploads-rule-reaches-nothing"),
        (job(JobState.RECEIVED, received_at=LONG_AGO), BOTH, "uploads-rule-reaches-nothing"),
        (job(JobState.RECEIVED), NOBODY_WATCHES, "just-received"),
        (job(JobState.RECEIVED, received_at=LONG_AGO), NO_RECONCILER, "message-lost"),
        (job(JobState.RECEIVED, received_at=LONG_AGO), NO_WEBHOOK, "message-lost"),
        (job(JobState.SUBMITTED, submitted_at=EARLIER), NOTHING_NOTICED, "in-progress"),
        (job(JobState.SUBMITTED, submitted_at=EARLIER), NOBODY_WATCHES, "in-progress"),
        (job(JobState.SUBMITTED, submitted_at=EARLIER), NO_RECONCILER, "in-progress"),
        (job(JobState.SUBMITTED, submitted_at=EARLIER), NO_WEBHOOK, "in-progress"),
        (job(JobState.SUBMITTED, submitted_at=EARLIER), WEBHOOK_OFF, "in-progress"),
    ],
)
def test_an_open_job_names_what_is_wrong_with_the_stage_if_that_holds_it_up(
    record: JobRecord, changes: dict[str, Any], cause: str
) -> None:
    assert explain(record, diagnose(changed(**changes))).cause == cause


def test_the_command_is_that_of_the_stages_fault_and_then_that_of_the_job() -> None:
    found = explain(job(JobState.SUBMITTED, submitted_at=EARLIER), diagnose(changed(**SUSPENDED)))
    assert found.fix
    assert found.fix.startswith("aws application-autoscaling register-scalable-target")
    assert found.fix.endswith("async-endpoint retry job-1 {label}")


def test_a_request_of_a_sleeping_endpoint_waits_for_an_instance() -> None:
    snapshot = replace(ASLEEP, jobs=JobsFacts(submitted=1, oldest_submitted=NOW - timedelta(minutes=2)))
    found = explain(job(JobState.SUBMITTED, submitted_at=EARLIER), diagnose(snapshot))
    assert "waits for an instance" in found.text
    assert "2 minutes" in found.evidence[0]
