"""What a month of a stage uses of each service, besides instances: counted from its resources and its requests.

The counts of a request follow from how the stage works (docs/architecture.md); a retry or a large document uses more.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.outcome import Outcome
from async_endpoint.planner.references import Template
from async_endpoint.planner.resource_types import unpriced_types
from async_endpoint.planner.template import Stage

# The client's own calls: the document and its result are put, and each is got once.
_DIRECT = {"s3-put": 2.0, "s3-get": 2.0}
# Through the workflow: the upload, its copy, and the result are put; SageMaker gets the copy. A message passes the
# queue of the intake and that of the results: it is sent, and received and deleted in batches of ten. The job is
# written when it is seen, when it is submitted, and when it ends, each time in the table and in its index.
_THROUGH_WORKFLOW = {
    "s3-put": 3.0,
    "s3-get": 1.0,
    "sqs-request": 2.4,
    "lambda-request": 0.3,
    "dynamodb-write": 6.0,
    "dynamodb-read": 1.0,
}
# Assumed for a batch of ten.
_FUNCTION_SECONDS = 0.64
_MONTH_MINUTES = 30 * 24 * 60
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 1_440}
_AWS_NAMESPACES = ("AWS/", "/aws/")


def monthly_usage(stage: Stage, outcome: Outcome, requests_a_month: float) -> dict[str, float]:
    """Returns how much a month uses of what has a price, by the price's name.

    Args:
        stage: The stage.
        outcome: What was simulated.
        requests_a_month: Requests of the simulated traffic in 30 days.
    """
    template = stage.template
    functions = [each for _, each in template.of_type("AWS::Lambda::Function")]
    used = defaultdict[str, float](float)
    for name, count in (_THROUGH_WORKFLOW if stage.has_workflow else _DIRECT).items():
        used[name] += count * requests_a_month
    if stage.has_topics:
        processed = outcome.processed / outcome.requests if outcome.requests else 0.0
        used["sns-publish"] += requests_a_month * processed
    used["lambda-request"] += sum(_scheduled_invocations(template))
    memory = max((_megabytes(each) for each in functions), default=0.0)
    used["lambda-gb-second"] += used["lambda-request"] * _FUNCTION_SECONDS * memory / 1_024
    used["alarm-metric"] += sum(_alarm_metrics(template))
    used["custom-metric"] += len(set(_custom_metrics(template)))
    return {name: count for name, count in used.items() if count}


def _megabytes(function: Mapping[str, Any]) -> float:
    size = function.get("MemorySize", 128)
    try:
        return float(size)
    except (TypeError, ValueError) as error:
        raise PlanError(
            f"a function has the MemorySize {size!r}, and a bill needs a number: synthesise the template with it."
        ) from error


def unpriced(template: Template) -> list[str]:
    """Returns what of a template costs money, or may, and has no price here: `TYPE (what of it)`."""
    return [f"{kind} ({missing})" for kind, missing in unpriced_types(template.types()).items()]


def _scheduled_invocations(template: Template) -> Iterator[float]:
    for _, rule in template.of_type("AWS::Events::Rule"):
        match = _RATE.fullmatch(str(rule.get("ScheduleExpression", "")))
        if match:
            yield _MONTH_MINUTES / (int(match[1]) * _MINUTES[match[2]]) * len(rule.get("Targets", ()))


def _alarm_metrics(template: Template) -> Iterator[int]:
    """Yields how many metrics each alarm reads: CloudWatch bills those. Target tracking has two alarms of its own."""
    for _, alarm in template.of_type("AWS::CloudWatch::Alarm"):
        yield max(1, sum("MetricStat" in each for each in alarm.get("Metrics", ())))
    for _, policy in template.of_type("AWS::ApplicationAutoScaling::ScalingPolicy"):
        if policy.get("PolicyType") == "TargetTrackingScaling":
            yield 2


def _custom_metrics(template: Template) -> Iterator[tuple[str, str]]:
    """Yields the metrics that are not AWS's own, as far as alarms read them."""
    for _, alarm in template.of_type("AWS::CloudWatch::Alarm"):
        for metric in _metrics(alarm):
            namespace = str(metric.get("Namespace", ""))
            if namespace and not namespace.startswith(_AWS_NAMESPACES):
                yield namespace, str(metric.get("MetricName"))


def _metrics(alarm: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield alarm
    yield from (each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if "MetricStat" in each)
