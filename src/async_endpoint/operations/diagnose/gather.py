"""Gathers a snapshot: the parts side by side, in two rounds, and what cannot be read is named instead of raised."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.operations.diagnose.reads import data, endpoint, logs, scaling, stacks, workflow
from async_endpoint.operations.diagnose.reads.clients import WORKERS
from async_endpoint.operations.diagnose.snapshot import Snapshot, Unread
from async_endpoint.protocol import JobRecordError, LocationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from async_endpoint.operations.diagnose.facts import StageNames
    from async_endpoint.operations.diagnose.reads.clients import Clients

# A record or a location that is no such thing is no reason to stop either.
_ERRORS = (BotoCoreError, ClientError, JobRecordError, LocationError)
_Read = tuple[str, "Callable[[], Any]"]  # the IAM actions that it needs, and the read itself


def gather(clients: Clients, names: StageNames, *, now: datetime, since: timedelta) -> Snapshot:
    """Reads everything about a stage whose stacks were read; a part that AWS denies is in `unread`."""
    start = now - since
    with ThreadPoolExecutor(1) as beside:
        independent = beside.submit(_read, _independent(clients, names, now, start))
        chain = _chain(clients, names)
        first = independent.result()
    values = first.values
    owned = [name for policy in values.get("policies", ()) for name in policy.alarms]
    second = _read(
        {
            "function_errors": (
                logs.ACTIONS,
                lambda: workflow.read_function_errors(clients, values.get("functions", ()), start),
            ),
            "policy_alarms": ("cloudwatch:DescribeAlarms", lambda: scaling.read_alarms(clients, owned)),
        }
    )
    values["functions"] = second.values.get("function_errors", values.get("functions", ()))
    values["alarms"] = values.get("alarms", {}) | second.values.get("policy_alarms", {})
    first.unread += second.unread
    return Snapshot(
        names=names, now=now, since=start, **first.values, **chain.values, unread=chain.unread + first.unread
    )


def _chain(clients: Clients, names: StageNames) -> _Parts:
    """Reads the endpoint, then its configuration, then its model and topics, then what these name."""
    parts = _read({"endpoint": ("sagemaker:DescribeEndpoint", lambda: endpoint.read_endpoint(clients, names))})
    values = parts.values
    parts.add(
        _read(
            {"config": ("sagemaker:DescribeEndpointConfig", lambda: endpoint.read_config(clients, values["endpoint"]))}
        )
        if "endpoint" in values
        else _Parts({}, ())
    )
    config = values.get("config")
    parts.add(
        _read(
            {
                "model": ("sagemaker:DescribeModel", lambda: endpoint.read_model(clients, config)),
                "subscriptions": (
                    "sns:ListSubscriptionsByTopic",
                    lambda: workflow.read_subscriptions(clients, config.topics if config else ()),
                ),
            }
        )
    )
    model = values.get("model")
    parts.add(
        _read(
            {
                "archive_exists": ("s3:ListBucket", lambda: endpoint.read_archive(clients, model)),
                "role_policies": ("iam:ListAttachedRolePolicies", lambda: endpoint.read_role_policies(clients, model)),
                "role_lacks": (
                    "iam:SimulatePrincipalPolicy",
                    lambda: endpoint.read_role_lacks(clients, names, config, model),
                ),
            }
        )
    )
    return parts


class _Parts:
    """The parts that were read, and those that were not."""

    def __init__(self, values: dict[str, Any], unread: tuple[Unread, ...]) -> None:
        self.values = values
        self.unread = unread

    def add(self, other: _Parts) -> None:
        self.values |= other.values
        self.unread += other.unread


def _independent(clients: Clients, names: StageNames, now: datetime, since: datetime) -> dict[str, _Read]:
    reads: dict[str, _Read] = {
        "queues": ("sqs:GetQueueAttributes", lambda: workflow.read_queues(clients, names)),
        "functions": ("lambda:GetFunction and lambda:GetPolicy", lambda: workflow.read_functions(clients, names)),
        "event_sources": ("lambda:GetEventSourceMapping", lambda: workflow.read_event_sources(clients, names)),
        "rules": ("events:DescribeRule and events:ListTargetsByRule", lambda: workflow.read_rules(clients, names)),
        "buckets": (
            "s3:GetBucketPolicy and s3:GetBucketNotification",
            lambda: data.read_buckets(clients, names),
        ),
        "jobs": ("dynamodb:Query", lambda: data.read_jobs(clients, names, since)),
        "table_status": ("dynamodb:DescribeTable", lambda: data.read_table_status(clients, names)),
        "key": ("kms:DescribeKey", lambda: data.read_key(clients, names)),
        "stack_reasons": ("cloudformation:DescribeStackEvents", lambda: stacks.read_stack_reasons(clients, names)),
        "alarms": ("cloudwatch:DescribeAlarms", lambda: scaling.read_alarms(clients, names.alarms)),
    }
    if names.endpoint:
        reads |= {
            "target": (
                "application-autoscaling:DescribeScalableTargets",
                lambda: scaling.read_target(clients, names),
            ),
            "policies": (
                "application-autoscaling:DescribeScalingPolicies",
                lambda: scaling.read_policies(clients, names),
            ),
            "activities": (
                "application-autoscaling:DescribeScalingActivities",
                lambda: scaling.read_activities(clients, names),
            ),
            "scheduled_minimums": (
                "application-autoscaling:DescribeScheduledActions",
                lambda: scaling.read_scheduled_minimums(clients, names),
            ),
            "datapoints": ("cloudwatch:GetMetricData", lambda: scaling.read_datapoints(clients, names, now)),
            "endpoint_errors": (
                logs.ACTIONS,
                lambda: endpoint.read_endpoint_errors(clients, names, since),
            ),
        }
    return reads


def _read(reads: Mapping[str, _Read]) -> _Parts:
    """Runs the reads side by side."""

    def one(item: tuple[str, _Read]) -> tuple[str, Any, Unread | None]:
        part, (action, read) = item
        try:
            return part, read(), None
        except _ERRORS as error:
            return part, None, Unread(part, action, " ".join(str(error).split()))

    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(one, reads.items()))
    return _Parts(
        {part: value for part, value, unread in results if unread is None},
        tuple(unread for *_, unread in results if unread),
    )
