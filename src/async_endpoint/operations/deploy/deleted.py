"""What was deleted behind CloudFormation's back: an unchanged template deploys without a look at what exists."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.operations.diagnose.diagnosis import with_names
from async_endpoint.operations.diagnose.gather import gather
from async_endpoint.operations.diagnose.reads.clients import Clients
from async_endpoint.operations.diagnose.reads.stacks import NoStage, read_stacks, stack_names
from async_endpoint.operations.diagnose.rules import alarms, data, endpoint, scaling, topics, workflow

if TYPE_CHECKING:
    import boto3

    from async_endpoint.operations.diagnose.finding import Finding

# The rules of `async-endpoint why` that look for a resource and do not find it. Not the one for the alarms that target
# tracking makes for itself: they may come later than the deploy. Not those that read logs, activities or jobs, which
# still tell of what the deploy has just mended.
_RULES = (
    data.table_deleted,
    data.bucket_missing,
    workflow.queue_missing,
    endpoint.archive_missing,
    endpoint.role_without_policy,
    scaling.target_deregistered,
    scaling.policy_deleted,
    alarms.alarm_missing,
    topics.subscription_missing,
)
_SINCE = timedelta(minutes=1)  # these rules look at no past


def find_deleted(session: boto3.Session, stack: str) -> tuple[Finding, ...]:
    """Returns what the stage of a stack has deployed and AWS does not have any more.

    What the caller may not read is taken as existing: a deploy does not need these permissions.
    """
    clients = Clients.from_session(session)
    try:
        names, now = read_stacks(clients, stack_names(stack), f"--stack {stack}")
    except (NoStage, BotoCoreError, ClientError):
        return ()
    snapshot = gather(clients, names, now=now, since=_SINCE)
    found = (rule(snapshot) for rule in _RULES)
    return tuple(with_names(finding, snapshot) for finding in found if finding)
