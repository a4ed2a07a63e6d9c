"""Explains one job: what happened to it, why it waits or ended, and which command helps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding, normal
from async_endpoint.operations.diagnose.rules.reasons import classify, classify_ended
from async_endpoint.operations.diagnose.rules.words import counted, cut, lasting
from async_endpoint.protocol import FAILED_BEFORE, JobState, is_transient

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.diagnosis import Diagnosis
    from async_endpoint.protocol import JobRecord

# What keeps a document from being submitted.
_BEFORE_SUBMISSION = frozenset(
    {
        "table-deleted", "key-disabled", "bucket-missing", "bucket-policy-denies", "queue-missing", "endpoint-missing",
        "endpoint-failed", "intake-queue-policy", "urgent-queue-policy", "function-broken", "function-throttled",
        "function-fails", "intake-mapping-disabled", "urgent-mapping-disabled", "uploads-rule-disabled", "inbox-silent",
        "uploads-rule-reaches-nothing", "intake-dead-letters", "urgent-dead-letters",
    }
)  # fmt: skip
# What keeps no submitted request from its outcome: it is about other documents, or about what follows an outcome.
_NOT_AFTER_SUBMISSION = frozenset(
    {
        "intake-queue-policy", "urgent-queue-policy", "watchdog-disabled", "reconciler-disabled", "webhook-disabled",
        "notifier-mapping-disabled", "intake-mapping-disabled", "urgent-mapping-disabled", "uploads-rule-disabled",
        "uploads-rule-reaches-nothing", "watchdog-rule-reaches-nothing", "reconciler-rule-reaches-nothing",
        "webhook-rule-reaches-nothing", "inbox-silent", "intake-dead-letters", "urgent-dead-letters",
        "events-dead-letters", "webhook-dead-letters", "alarm-notifies-nobody", "queue-without-dlq",
        "documents-rejected", "content-type", "input-missing", "expired",
    }
)  # fmt: skip
_MESSAGE_LOST = timedelta(minutes=15)  # the reconciler sends the message of an older one again: docs/architecture.md


def explain(job: JobRecord, diagnosis: Diagnosis) -> Finding:
    """Returns why a job is in its state.

    Args:
        job: Its record.
        diagnosis: That of its stage: what is wrong there is why an open job waits.
    """
    explanation = {
        JobState.COMPLETED: _completed,
        JobState.FAILED: _failed,
        JobState.EXPIRED: _expired,
        JobState.CANCELLED: _cancelled,
        JobState.SUBMITTED: _submitted,
        JobState.RECEIVED: _received,
    }[job.state]
    return explanation(job, diagnosis)


def _completed(job: JobRecord, diagnosis: Diagnosis) -> Finding:
    del diagnosis
    return normal("completed", "The job has its result.", f"It is at {job.outcome_location}.")


def _cancelled(job: JobRecord, diagnosis: Diagnosis) -> Finding:
    del diagnosis
    return normal(
        "cancelled", "The job was cancelled by a command.", fix=f"async-endpoint retry {job.job_id} {{label}}"
    )


def _failed(job: JobRecord, diagnosis: Diagnosis) -> Finding:
    del diagnosis
    reason = job.reason or "no reason was given"
    kind = classify(reason)
    attempts = len(job.attempts)
    helps = is_transient(job.reason)
    in_all = f" in all {counted(attempts, 'attempt')}" if attempts > 1 else ""
    return Finding(
        cause=kind.cause,
        text=f"The job failed{in_all}. {kind.text}",
        evidence=(
            f"Reason: {cut(reason, 600)}",
            *((f"Failure object: {job.outcome_location}",) if job.outcome_location else ()),
        ),
        fix=f"async-endpoint retry {job.job_id} {{label}}"
        + ("" if helps else ", once the document or the cause is corrected: the same request would fail again"),
        runbook=kind.runbook,
    )


def _expired(job: JobRecord, diagnosis: Diagnosis) -> Finding:
    kind = classify_ended(job.state, job.reason or "")
    causes = tuple(f"The stage now: {each.text}" for each in diagnosis.faults[:2])
    return Finding(
        cause=kind.cause,
        text="The job expired: its request waited longer than its time to live, or ran longer than an invocation may.",
        evidence=(f"Reason: {cut(job.reason or 'none')}", *causes),
        fix=f"async-endpoint retry {job.job_id} {{label}}",
        runbook=kind.runbook,
    )


def _submitted(job: JobRecord, diagnosis: Diagnosis) -> Finding:
    snapshot = diagnosis.snapshot
    age = f"It was submitted {_age(job.submitted_at, snapshot.now)} ago."
    if fault := _after_submission(diagnosis):
        return _because(job, fault, age, "The request waits at SageMaker, because something is wrong with the stage.")
    running = snapshot.running
    where = (
        f"The request waits or is processed, with {counted(running, 'instance')} and "
        f"{counted(snapshot.waiting or 0, 'open request')}."
        if running
        else "The request waits for an instance: the endpoint sleeps or is waking."
    )
    return normal(
        "in-progress", where, age, *(each.text for each in diagnosis.findings[:1]),
        fix=f"Wait. If its result is not needed: async-endpoint cancel {job.job_id} {{label}}",
    )  # fmt: skip


def _received(job: JobRecord, diagnosis: Diagnosis) -> Finding:
    snapshot = diagnosis.snapshot
    since = job.updated_at
    age = f"It has been RECEIVED for {_age(since, snapshot.now)}."
    if job.waits_for_admission:
        if fault := _after_submission(diagnosis):
            return _because(job, fault, age, "The document waits for room, which others do not make.")
        return normal(
            "admission",
            "The document waits for admission: SageMaker's queue is kept short.",
            age,
            f"Waiting: {counted(snapshot.jobs.admission, 'document')}. Submitted: {snapshot.jobs.submitted}.",
            fix="Wait, or upload it below inbox-urgent/.",
        )
    if fault := next((each for each in diagnosis.faults if each.cause in _BEFORE_SUBMISSION), None):
        return _because(job, fault, age, "The document is not submitted, because something is wrong with the stage.")
    if job.attempt > 1 and (job.cause or "").startswith(FAILED_BEFORE):
        return normal(
            "next-attempt",
            f"Attempt {job.attempt} waits for its delay.",
            age,
            cut(job.cause or ""),
            fix="Wait.",
        )
    old = since is not None and snapshot.now - datetime.fromisoformat(since) > _MESSAGE_LOST
    return (
        Finding(
            cause="message-lost",
            text="The document was noticed and not submitted: its message is probably lost, or the function fails.",
            evidence=(age,),
            fix=f"async-endpoint retry {job.job_id} {{label}}",
            runbook="messages-wait-too-long",
        )
        if old
        else normal("just-received", "The document was just noticed and is being submitted.", age, fix="Wait.")
    )


def _after_submission(diagnosis: Diagnosis) -> Finding | None:
    """Returns the first fault that may keep a submitted request from its outcome."""
    return next((each for each in diagnosis.faults if each.cause not in _NOT_AFTER_SUBMISSION), None)


def _because(job: JobRecord, fault: Finding, age: str, text: str) -> Finding:
    return Finding(
        cause=fault.cause,
        text=f"{text} {fault.text}",
        evidence=(age, *fault.evidence),
        fix=f"{fault.fix}. The job then continues by itself; if not: async-endpoint retry {job.job_id} {{label}}",
        runbook=fault.runbook,
    )


def _age(moment: str | None, now: datetime) -> str:
    return lasting(now - datetime.fromisoformat(moment)) if moment else "some time"
