"""What was deleted behind CloudFormation's back: an unchanged template deploys without a look at what exists."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.operations.diagnose.diagnosis import diagnose
from async_endpoint.operations.diagnose.gather import gather
from async_endpoint.operations.diagnose.reads.clients import Clients
from async_endpoint.operations.diagnose.reads.stacks import NoStage, read_stacks, stack_names

if TYPE_CHECKING:
    import boto3

    from async_endpoint.operations.diagnose.finding import Finding

# Causes that only a deletion has. Not those that also follow from a deploy a moment ago, such as the alarm that target
# tracking makes for itself.
_DELETED = frozenset(
    {
        "table-deleted",
        "bucket-missing",
        "queue-missing",
        "archive-missing",
        "permission-missing",
        "target-deregistered",
        "policy-deleted",
        "alarm-deleted",
        "topic-missing",
        "subscription-missing",
    }
)
_SINCE = timedelta(minutes=1)  # the reads of logs and jobs do not matter here


def find_deleted(session: boto3.Session, stack: str) -> tuple[Finding, ...]:
    """Returns what the stage of a stack has deployed and AWS does not have any more.

    What the caller may not read is taken as existing: a deploy does not need these permissions.
    """
    clients = Clients.from_session(session)
    try:
        names, now = read_stacks(clients, stack_names(stack), f"--stack {stack}")
    except (NoStage, BotoCoreError, ClientError):
        return ()
    found = diagnose(gather(clients, names, now=now, since=_SINCE))
    return tuple(finding for finding in found.faults if finding.cause in _DELETED)
