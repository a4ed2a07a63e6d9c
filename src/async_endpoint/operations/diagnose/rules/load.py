"""Rules on the load: too few instances, a slow model, and what keeps an endpoint awake."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding, normal
from async_endpoint.operations.diagnose.metrics import BACKLOG, CPU, GPU, LATENCY, OLDEST, PROCESSED
from async_endpoint.operations.diagnose.rules.words import counted, lasting

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.snapshot import Snapshot

_MICROSECONDS = 1e6  # ModelLatency's unit: docs/evidence.md
_NEAR = 0.8
_TOO_MANY = 5  # times the backlog that each instance should have
_QUARTER = timedelta(minutes=15)
_HOUR = timedelta(hours=1)
_DEFAULT_TARGET = 5.0


def too_few_instances(snapshot: Snapshot) -> Finding | None:
    """All instances that may run do, and the backlog is far above what they should have."""
    target, config = snapshot.target, snapshot.config
    if target is None or not snapshot.running or snapshot.running < target.maximum:
        return None
    share = next((policy.target_value for policy in snapshot.policies if policy.target_value), _DEFAULT_TARGET)
    backlog = snapshot.latest(BACKLOG) or 0
    oldest = snapshot.latest(OLDEST) or 0
    if backlog < _TOO_MANY * share * target.maximum and oldest < _QUARTER.total_seconds():
        return None
    evidence = [
        f"Instances in service: {snapshot.running} of at most {target.maximum}.",
        f"The backlog is {counted(int(backlog), 'request')}; scaling wants {share:g} for each instance.",
        f"The oldest request has waited for {lasting(timedelta(seconds=oldest))}.",
    ]
    if config and config.concurrency:
        evidence.append(f"An instance takes {counted(config.concurrency, 'request')} at a time.")
    evidence += [
        f"{metric} was up to {used:.0f} % in a quarter of an hour."
        for metric in (CPU, GPU)
        if (used := snapshot.highest(metric, within=_QUARTER)) is not None
    ]
    return Finding(
        cause="too-few-instances",
        text="More requests wait than all instances can process soon.",
        evidence=tuple(evidence),
        fix="Raise scaling.max_instances, or serving.batch_size if the processor is idle, then: make deploy",
        runbook="requests-wait-too-long",
    )


def model_slow(snapshot: Snapshot) -> Finding | None:
    """Single invocations take nearly as long as they may."""
    limit = next(
        (
            int(function.environment["INVOCATION_TIMEOUT_SECONDS"])
            for function in snapshot.functions
            if function.environment.get("INVOCATION_TIMEOUT_SECONDS")
        ),
        None,
    )
    slowest = (snapshot.highest(LATENCY, within=_HOUR) or 0) / _MICROSECONDS
    if limit is None or slowest < _NEAR * limit:
        return None
    return Finding(
        cause="model-too-slow",
        text="The model takes nearly as long as an invocation may: requests time out.",
        evidence=(f"ModelLatency was up to {slowest:.0f} s in the last hour; an invocation may take {limit} s.",),
        fix="Raise serving.timeout_seconds, or lower serving.batch_size, then: make deploy",
        runbook="requests-wait-too-long",
    )


def kept_awake(snapshot: Snapshot) -> Finding | None:
    """Says why instances run: work, a minimum, a schedule, or a busy processor."""
    if not snapshot.running or snapshot.endpoint is None or snapshot.endpoint.status != "InService":
        return None
    runs = f"{counted(snapshot.running, 'instance')} {'runs' if snapshot.running == 1 else 'run'}"
    if (target := snapshot.target) and target.minimum > 0:
        warm = [f"Scheduled action {name} sets it to {target.minimum}." for name in _opened_by(snapshot)]
        return normal(
            "warm-window" if warm else "minimum",
            f"{runs}, because the scalable target's minimum is {target.minimum}"
            + (": a warm window." if warm else ": it never sleeps."),
            *warm,
            fix="To let it sleep: scaling.min_instances = 0 and no warm window, then make deploy; until then: aws "
            "application-autoscaling register-scalable-target --service-namespace sagemaker --scalable-dimension "
            "sagemaker:variant:DesiredInstanceCount --resource-id {resource} --min-capacity 0",
        )
    work = snapshot.waiting or snapshot.highest(BACKLOG, within=_QUARTER)
    processed = sum(
        point.value for point in snapshot.datapoints.get(PROCESSED, ()) if snapshot.clock - point.at <= _QUARTER
    )
    if work or processed:
        return normal(
            "requests-arrive",
            f"{runs}, because requests keep arriving.",
            f"{processed:g} were processed in a quarter of an hour, and {snapshot.waiting} were open "
            "when they were last counted.",
        )
    if busy := _busy_processor(snapshot):
        return normal(
            "busy-processor",
            f"{runs} without a request, because the sleep alarm sees its processor at work.",
            busy,
            fix="Find the background work, or raise scaling.idle_utilization_percent, then: make deploy",
        )
    return normal(
        "going-to-sleep",
        f"{runs} without a request: the sleep alarm waits until all minutes of an invocation's time were idle.",
        *(
            f"Alarm {alarm.name.rpartition('/')[2]} is {alarm.state}."
            for alarm in snapshot.alarms.values()
            if "Sleep" in alarm.name
        ),
        fix="Wait. Now: aws sagemaker update-endpoint-weights-and-capacities --endpoint-name {endpoint} "
        "--desired-weights-and-capacities VariantName=AllTraffic,DesiredInstanceCount=0",
    )


def _opened_by(snapshot: Snapshot) -> list[str]:
    """Returns the scheduled actions that have raised the minimum to what it is.

    A window has two, and the one that ends it sets the minimum of the rest of the day, which need not be 0.
    """
    minimums = snapshot.scheduled_minimums
    lowest = min(minimums.values(), default=0) if len(set(minimums.values())) > 1 else 0
    current = snapshot.target.minimum if snapshot.target else 0
    return [name for name, minimum in minimums.items() if minimum == current > lowest]


def never_sleeps(snapshot: Snapshot) -> Finding | None:
    """Instances run without work for much longer than the sleep alarm waits."""
    idle = timedelta(minutes=90)
    if not snapshot.running or snapshot.target is None or snapshot.target.minimum > 0 or snapshot.waiting:
        return None
    points = snapshot.datapoints.get(BACKLOG, ())
    processed = snapshot.datapoints.get(PROCESSED, ())
    covered = bool(points) and snapshot.clock - points[-1].at >= idle
    recent = [point for point in (*points, *processed) if snapshot.clock - point.at <= idle and point.value]
    began = snapshot.endpoint.changed_at if snapshot.endpoint else snapshot.clock
    if not covered or recent or snapshot.clock - began < idle:
        return None
    cpu = snapshot.highest(CPU, within=idle)
    shown = f"CPUUtilization was up to {cpu:.0f} %." if cpu is not None else "CPUUtilization has no datapoints."
    return Finding(
        cause="never-sleeps",
        text=f"{counted(snapshot.running, 'instance')} without work for more than {lasting(idle)}: that costs money.",
        evidence=("No backlog and no result for 90 minutes.", shown),
        fix="aws sagemaker update-endpoint-weights-and-capacities --endpoint-name {endpoint} "
        "--desired-weights-and-capacities VariantName=AllTraffic,DesiredInstanceCount=0",
        runbook="instances-run-without-work",
    )


def stuck_at_zero(snapshot: Snapshot) -> Finding | None:
    """Requests wait for longer than a cold start and late metrics explain, and no other rule says why."""
    oldest = snapshot.latest(OLDEST)
    waited = timedelta(seconds=oldest or 0)
    if snapshot.running or not snapshot.waiting or snapshot.endpoint is None or snapshot.endpoint.desired:
        return None
    if waited < timedelta(minutes=10):
        return None
    return Finding(
        cause="not-waking",
        text="Requests wait and the endpoint does not wake.",
        evidence=(f"The oldest has waited for {lasting(waited)}; the endpoint is {snapshot.endpoint.status}.",),
        fix="aws sagemaker update-endpoint-weights-and-capacities --endpoint-name {endpoint} "
        "--desired-weights-and-capacities VariantName=AllTraffic,DesiredInstanceCount=1",
        runbook="requests-wait-and-no-instance-comes",
    )


def _busy_processor(snapshot: Snapshot) -> str | None:
    """Returns which utilization is above the sleep alarm's own limit, as a sentence; None if none is."""
    expression = next((alarm.expression for alarm in snapshot.alarms.values() if "SleepAlarm" in alarm.name), "")
    for metric, limit in re.findall(r"\((cpu|gpu) >= (\d+(?:\.\d+)?)\)", expression):
        highest = snapshot.highest(CPU if metric == "cpu" else GPU, within=_QUARTER)
        if highest is not None and highest >= float(limit):
            return f"{metric.upper()}Utilization was up to {highest:.0f} %, and the alarm's limit is {limit} %."
    return None
