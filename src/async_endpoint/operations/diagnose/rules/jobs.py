"""Rules on jobs: why they fail, expire, or wait."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding, normal
from async_endpoint.operations.diagnose.metrics import OVERDUE
from async_endpoint.operations.diagnose.rules.reasons import classify_ended, of_cause
from async_endpoint.operations.diagnose.rules.words import counted, cut, lasting
from async_endpoint.protocol import submitted_seconds_allowed

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.snapshot import Snapshot

_DEFAULT_SECONDS = 21_600 + 3_600  # SageMaker's longest TTL and processing time
_LATE = timedelta(minutes=7)  # docs/decisions/0011: twice the observed delay of metrics, and a minute


def jobs_fail(snapshot: Snapshot) -> Finding | None:
    """Jobs failed or expired; names the most frequent kind of reason."""
    ended = snapshot.jobs.ended
    if not ended:
        return None
    kinds = Counter(classify_ended(job.state, job.reason).cause for job in ended)
    cause, number = kinds.most_common(1)[0]
    kind = of_cause(cause)
    example = next(job for job in ended if cause == classify_ended(job.state, job.reason).cause)
    shown = f"{counted(number, 'job')} in the last {lasting(snapshot.now - snapshot.since).removeprefix('1 ')}"
    others = [f"{each} more: {of_cause(name).text}" for name, each in kinds.most_common(3)[1:]]
    return Finding(
        cause=cause,
        text=kind.text,
        evidence=(f"{shown}, such as {example.job_id}: {cut(example.reason or 'no reason')}", *others),
        fix=kind.advice,
        runbook=kind.runbook,
    )


def reconciler_overdue(snapshot: Snapshot) -> Finding | None:
    """Jobs are SUBMITTED for longer than a request may take, and the reconciler has not finished them."""
    overdue = snapshot.latest(OVERDUE, within=timedelta(minutes=20)) or 0
    oldest = snapshot.jobs.oldest_submitted
    age = snapshot.now - oldest if oldest else timedelta()
    allowed = timedelta(seconds=submitted_seconds_allowed(_request_seconds(snapshot)))
    if not overdue and age <= allowed + timedelta(minutes=15):
        return None
    evidence = [f"The oldest job has been SUBMITTED for {lasting(age)}; a request may take {lasting(allowed)}."]
    if overdue:
        evidence.append(f"The metric OverdueJobs is {overdue:g}.")
    evidence += [
        f"The reconciler's log: {cut(function.errors[0])}"
        for function in snapshot.functions
        if function.logical_id.startswith("Reconciler") and function.errors
    ]
    return Finding(
        cause="reconciler-overdue",
        text="Jobs stay SUBMITTED, and the reconciler does not finish them.",
        evidence=tuple(evidence),
        fix="async-endpoint jobs --state SUBMITTED {label}",
        runbook="jobs-stay-submitted",
    )


def metrics_late(snapshot: Snapshot) -> Finding | None:
    """Requests wait at an endpoint that sleeps, and CloudWatch has not shown them yet."""
    oldest = snapshot.jobs.oldest_submitted
    if snapshot.running or oldest is None or not snapshot.endpoint or snapshot.endpoint.status != "InService":
        return None
    age = snapshot.now - oldest
    if age >= _LATE:
        return None
    return normal(
        "metrics-late",
        "Requests were just submitted, and metrics reach CloudWatch one to three minutes late: the alarm wakes the "
        "endpoint then.",
        f"The oldest of {counted(snapshot.jobs.submitted, 'request')} was submitted {lasting(age)} ago.",
        fix="Wait.",
    )


def waits_for_admission(snapshot: Snapshot) -> Finding | None:
    """Documents wait in the jobs table, as they should."""
    if not snapshot.jobs.admission:
        return None
    return normal(
        "admission",
        "Documents wait for admission: SageMaker's queue is kept short, so that urgent documents need not wait.",
        f"{counted(snapshot.jobs.admission, 'document')} of the inbox; {snapshot.jobs.submitted} are submitted.",
        fix="Wait. What must not wait belongs below inbox-urgent/.",
    )


def _request_seconds(snapshot: Snapshot) -> int:
    """Returns how long a request may take, as the reconciler was deployed."""
    for function in snapshot.functions:
        seconds = [function.environment.get(name) for name in ("REQUEST_TTL_SECONDS", "INVOCATION_TIMEOUT_SECONDS")]
        if all(seconds):
            return sum(int(each or 0) for each in seconds)
    return _DEFAULT_SECONDS
