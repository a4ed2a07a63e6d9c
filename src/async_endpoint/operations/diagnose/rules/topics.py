"""Rules on the topics that notify of outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding
from async_endpoint.operations.diagnose.rules.words import counted

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.snapshot import Snapshot


def subscription_missing(snapshot: Snapshot) -> Finding | None:
    """A topic does not reach the results queue."""
    if not snapshot.knows("subscriptions", "config") or snapshot.config is None:
        return None
    queue = snapshot.names.outputs.get("ResultsQueueUrl")
    if not queue:
        return None
    name = queue.rpartition("/")[2]
    for topic in snapshot.config.topics:
        kind = "success" if "uccess" in topic.rpartition(":")[2] else "error"
        subscribed = snapshot.subscriptions.get(topic)
        if subscribed is None:
            return Finding(
                cause="topic-missing",
                text=f"The {kind} topic does not exist: outcomes are recorded late, by the reconciler alone.",
                evidence=(f"SNS has no {topic}.",),
                fix="make deploy; else create a topic of that name and subscribe the queue",
                runbook="notifications-or-uploads-fail",
            )
        if not any(endpoint.rpartition(":")[2] == name for endpoint in subscribed):
            account = topic.split(":")
            arn = ":".join(["arn", account[1], "sqs", account[3], account[4], name])
            return Finding(
                cause="subscription-missing",
                text=f"The {kind} topic has no subscription of the results queue: outcomes are recorded late, by the "
                "reconciler alone.",
                evidence=(f"{topic} has {counted(len(subscribed), 'subscription')}, none of {name}.",),
                fix=f"aws sns subscribe --topic-arn {topic} --protocol sqs --notification-endpoint {arn}",
                runbook="notifications-or-uploads-fail",
            )
    return None
