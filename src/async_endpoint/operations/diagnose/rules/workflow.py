"""Rules on the parts between an upload and its record: queues, functions and mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding
from async_endpoint.operations.diagnose.rules.parts import DEPLOY_AGAIN, EFFECTS, PARTS, WAIT, effect_of, part_of
from async_endpoint.operations.diagnose.rules.words import counted, cut, show_log

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.facts import EventSource
    from async_endpoint.operations.diagnose.snapshot import Snapshot

_ENABLED = frozenset({"Enabled", "Enabling", "Creating", "Updating"})
_ACTIVE = frozenset({"Active", "Pending", "Inactive"})
# The DLQs that no redrive empties, with their runbooks, which say how far to look back for what was not announced.
_OF_EVENTS = {"events": ("outcomes-were-not-announced", "6h"), "webhook": ("the-webhook-fails", "1d")}


def _logical_id(source: EventSource) -> str:
    return source.logical_id


def mapping_disabled(snapshot: Snapshot) -> Finding | None:
    """A function gets no messages."""
    off = sorted((each for each in snapshot.event_sources if each.state not in _ENABLED), key=_logical_id)
    if not off:
        return None
    source = off[0]
    part = part_of(source.logical_id)
    return Finding(
        cause=f"{part}-mapping-disabled",
        text=f"The event source mapping of the {part} is {source.state}: {effect_of(part)}.",
        evidence=(f"GetEventSourceMapping: {source.uuid} is {source.state}.", *_backlog(snapshot, part)),
        fix=f"aws lambda update-event-source-mapping --uuid {source.uuid} --enabled",
        runbook=WAIT,
    )


def function_throttled(snapshot: Snapshot) -> Finding | None:
    """A function may not run at all."""
    for function in snapshot.functions:
        if function.reserved == 0:
            part = part_of(function.logical_id)
            return Finding(
                cause="function-throttled",
                text=f"The function of the {part} has a reserved concurrency of 0: {effect_of(part)}.",
                evidence=(f"GetFunction: {function.name} is throttled.", *_backlog(snapshot, part)),
                fix=f"aws lambda delete-function-concurrency --function-name {function.name}",
                runbook=WAIT,
            )
    return None


def function_broken(snapshot: Snapshot) -> Finding | None:
    """A function is gone or not active."""
    for function in snapshot.functions:
        if function.state not in _ACTIVE:
            part = part_of(function.logical_id)
            return Finding(
                cause="function-broken",
                text=f"The function of the {part} is {function.state.lower()}: {effect_of(part)}.",
                evidence=(f"GetFunction: {function.name}.",),
                fix="make deploy; if CloudFormation sees no change, destroy the workflow stack and deploy it again",
                runbook="a-function-breaks",
            )
    return None


def dead_letters(snapshot: Snapshot) -> Finding | None:
    """A DLQ has messages."""
    full = sorted((queue for queue in snapshot.queues if queue.dead), key=lambda queue: -queue.dead)
    if not full:
        return None
    queue = full[0]
    others = [f"{counted(each.dead, 'message')} in that of {each.worker}." for each in full[1:]]
    runbook, since = _OF_EVENTS.get(queue.worker, ("messages-were-dead-lettered", None))
    fix = "Find the reason: async-endpoint dlq list {label}. After it is fixed: async-endpoint dlq redrive {label}"
    if since:
        fix = (
            f"Find the reason: async-endpoint dlq list --queue {queue.worker} {{label}}. After it is fixed: "
            f"async-endpoint announce --since {since} {{label}}, longer if messages are older; then: "
            f"async-endpoint dlq purge --queue {queue.worker} {{label}}"
        )
    return Finding(
        cause=f"{queue.worker}-dead-letters",
        text=f"The DLQ of {queue.worker} has {counted(queue.dead, 'message')}: {EFFECTS[queue.worker]}.",
        evidence=(*(cut(reason) for reason in queue.reasons[:3]), *_log_of(snapshot, queue.worker), *others),
        fix=fix,
        runbook=runbook,
    )


def queue_missing(snapshot: Snapshot) -> Finding | None:
    """A queue is gone."""
    for queue in snapshot.queues:
        if queue.waiting is None:
            return Finding(
                cause="queue-missing",
                text=f"The queue of {queue.worker} does not exist: {EFFECTS[queue.worker]}.",
                evidence=("GetQueueAttributes: it does not exist.",),
                fix=DEPLOY_AGAIN,
                runbook=WAIT,
            )
    return None


def queue_closed(snapshot: Snapshot) -> Finding | None:
    """Nobody may send to a queue any more."""
    for queue in snapshot.queues:
        if not queue.takes_messages:
            return Finding(
                cause=f"{queue.worker}-queue-policy",
                text=f"The policy of the queue of {queue.worker} lets nobody send to it: {EFFECTS[queue.worker]}.",
                evidence=("GetQueueAttributes: its Policy allows no sqs:SendMessage, or denies it.",),
                fix=DEPLOY_AGAIN,
                runbook=WAIT,
            )
    return None


def queue_without_dlq(snapshot: Snapshot) -> Finding | None:
    """What a function fails on is tried until it expires, and nobody is notified."""
    for queue in snapshot.queues:
        if not queue.redrives:
            return Finding(
                cause="queue-without-dlq",
                text=f"The queue of {queue.worker} dead-letters nothing: a message that fails is tried until it "
                "expires, and no alarm notifies of it.",
                evidence=("GetQueueAttributes: it has no RedrivePolicy.",),
                fix=DEPLOY_AGAIN,
                runbook="messages-were-dead-lettered",
            )
    return None


def function_errors(snapshot: Snapshot) -> Finding | None:
    """A function's alarm on errors fires. Its log says why, unless the function ended before it could write a line."""
    firing = [alarm for alarm in snapshot.alarms.values() if alarm.state == "ALARM"]
    for function in snapshot.functions:
        part = part_of(function.logical_id)
        prefix = next((prefix for prefix, name in PARTS.items() if name == part), part)
        alarm = next((each for each in firing if f"-{prefix}Errors" in each.name), None)
        if alarm is None:
            continue
        shown = f"Its log: {cut(function.errors[0])}" if function.errors else f"Its alarm: {cut(alarm.reason)}"
        return Finding(
            cause="function-fails",
            text=f"The function of the {part} fails: {effect_of(part)}.",
            evidence=(shown, *_backlog(snapshot, part)),
            fix=show_log(function.log_group),
            runbook="a-function-breaks",
        )
    return None


def not_woken(snapshot: Snapshot) -> Finding | None:
    """The intake function wanted to wake the endpoint and could not."""
    if snapshot.running or not snapshot.waiting:
        return None
    for function in snapshot.functions:
        for line in function.errors:
            if "was not woken" in line or "does not wake it" in line:
                return Finding(
                    cause="not-woken",
                    text="The intake function could not wake the endpoint.",
                    evidence=(f"Its log: {cut(line)}",),
                    fix="make deploy, which restores the function's role; by hand: aws sagemaker "
                    "update-endpoint-weights-and-capacities --endpoint-name {endpoint} "
                    "--desired-weights-and-capacities VariantName=AllTraffic,DesiredInstanceCount=1",
                    runbook="requests-wait-and-no-instance-comes",
                )
    return None


def _backlog(snapshot: Snapshot, part: str) -> tuple[str, ...]:
    return tuple(
        f"{counted(queue.waiting, 'message')} in its queue."
        for queue in snapshot.queues
        if queue.worker == part and queue.waiting
    )


def _log_of(snapshot: Snapshot, worker: str) -> tuple[str, ...]:
    part = {"urgent": "intake", "events": "notifier"}.get(worker, worker)
    return tuple(
        f"The function's log: {cut(function.errors[0])}"
        for function in snapshot.functions
        if part_of(function.logical_id) == part and function.errors
    )
