"""The workflow: topics' subscriptions, queues with their DLQs, functions with their logs, mappings and rules."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.diagnose.facts import EventSource, FunctionFacts, QueueFacts, RuleFacts
from async_endpoint.operations.diagnose.reads.clients import WORKERS
from async_endpoint.operations.diagnose.reads.logs import error_lines
from async_endpoint.operations.diagnose.reads.policies import INVOKE, MESSAGES, allows
from async_endpoint.operations.jobs.dead_letters import parse_dead_letter

if TYPE_CHECKING:
    from datetime import datetime

    from async_endpoint.operations.diagnose.facts import Resource, StageNames
    from async_endpoint.operations.diagnose.reads.clients import Clients

MISSING = "Missing"
WORKER_QUEUES = {"intake": "Intake", "urgent": "Urgent", "results": "Results"}
_EVENTS = {"events": "Events", "webhook": "Webhook"}  # a stream and a rule fill these DLQs, so there is no queue
_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
_SAMPLE = 5
_HIDDEN_SECONDS = 1  # a look must not hide dead letters from a redrive
_GONE = frozenset(
    {"NotFound", "NotFoundException", "ResourceNotFoundException", "QueueDoesNotExist",
     "AWS.SimpleQueueService.NonExistentQueue"}
)  # fmt: skip
# The functions log JSON; Lambda's own lines about an uncaught error, a timeout or a killed process are text.
_ERRORS = re.compile(r'"level": ?"ERROR"|Task timed out|^\[ERROR\]|Runtime exited|was not woken|does not wake it')


def _is_gone(error: ClientError) -> bool:
    return error.response["Error"].get("Code") in _GONE


def read_subscriptions(clients: Clients, topics: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """Returns the endpoints of each topic's subscriptions; no entry for a topic that is gone."""
    found: dict[str, frozenset[str]] = {}
    for topic in topics:
        pages = clients["sns"].get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        try:
            found[topic] = frozenset(each["Endpoint"] for page in pages for each in page["Subscriptions"])
        except ClientError as error:
            if not _is_gone(error):
                raise
    return found


def read_queues(clients: Clients, names: StageNames) -> tuple[QueueFacts, ...]:
    """Returns the workers' queues and the DLQs of events, with a sample of each DLQ that has messages."""
    workers = [worker for worker, output in WORKER_QUEUES.items() if f"{output}QueueUrl" in names.outputs]
    events = [kind for kind, output in _EVENTS.items() if f"{output}DeadLettersUrl" in names.outputs]
    with ThreadPoolExecutor(len(workers) + len(events) or 1) as pool:
        return tuple(pool.map(lambda worker: _queue(clients, names, worker), [*workers, *events]))


def _queue(clients: Clients, names: StageNames, worker: str) -> QueueFacts:
    output = (WORKER_QUEUES | _EVENTS)[worker]
    dead_letters = names.outputs[f"{output}DeadLettersUrl"]
    dead = _messages(_attributes(clients, dead_letters, *_COUNTS) or {})
    reasons = _reasons(clients, dead_letters) if dead else ()
    if worker in _EVENTS:
        return QueueFacts(worker=worker, waiting=0, dead=dead, reasons=reasons)
    queue = _attributes(clients, names.outputs[f"{output}QueueUrl"], *_COUNTS, "Policy", "RedrivePolicy")
    return QueueFacts(
        worker=worker,
        waiting=None if queue is None else _messages(queue),
        takes_messages=queue is None or allows(queue.get("Policy") or "{}", MESSAGES),
        redrives=queue is None or bool(queue.get("RedrivePolicy")),
        dead=dead,
        reasons=reasons,
    )


def _attributes(clients: Clients, url: str, *wanted: str) -> dict[str, str] | None:
    """Calls GetQueueAttributes; None if there is no such queue."""
    try:
        found = clients["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=list(wanted))
    except ClientError as error:
        if _is_gone(error):
            return None
        raise
    attributes: dict[str, str] = found.get("Attributes", {})
    return attributes


def _messages(attributes: dict[str, str]) -> int:
    return sum(int(attributes.get(name, 0)) for name in _COUNTS)


def _reasons(clients: Clients, url: str) -> tuple[str, ...]:
    """Returns what a sample of dead letters says, or why it could not be received."""
    try:
        messages = (
            clients["sqs"]
            .receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=_SAMPLE,
                VisibilityTimeout=_HIDDEN_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
                MessageAttributeNames=["ERROR_CODE", "ERROR_MESSAGE"],
            )
            .get("Messages", [])
        )
    except ClientError as error:
        return (f"Its messages could not be read: {error}",)
    letters = [parse_dead_letter(message) for message in messages]
    described = [(each.kind, each.document or each.job_id, each.reason) for each in letters]
    return tuple(dict.fromkeys(": ".join(part for part in parts if part) for parts in described))


def read_functions(clients: Clients, names: StageNames) -> tuple[FunctionFacts, ...]:
    """Returns the stacks' functions, without their logs."""
    functions = [each for each in names.of_type("AWS::Lambda::Function") if "Function" in each.logical_id]
    with ThreadPoolExecutor(min(WORKERS, len(functions) or 1)) as pool:
        found = pool.map(lambda each: _function(clients, each), functions)
        return tuple(found)


def _function(clients: Clients, resource: Resource) -> FunctionFacts:
    try:
        found = clients["lambda"].get_function(FunctionName=resource.physical_id)
    except ClientError as error:
        if _is_gone(error):
            return FunctionFacts(logical_id=resource.logical_id, name=resource.physical_id, state=MISSING)
        raise
    described = found["Configuration"]
    group = described.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{resource.physical_id}"
    failed = described.get("LastUpdateStatus") == "Failed"
    return FunctionFacts(
        logical_id=resource.logical_id,
        name=resource.physical_id,
        state="update failed" if failed else described.get("State", "Active"),
        reserved=found.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        environment=described.get("Environment", {}).get("Variables", {}),
        log_group=group,
        takes_events=allows(_function_policy(clients, resource.physical_id), INVOKE),
    )


def _function_policy(clients: Clients, name: str) -> str:
    """Calls GetPolicy; an empty policy if the function has none."""
    try:
        policy: str = clients["lambda"].get_policy(FunctionName=name)["Policy"]
    except ClientError as error:
        if _is_gone(error):
            return "{}"
        raise
    return policy


def read_function_errors(
    clients: Clients, functions: tuple[FunctionFacts, ...], since: datetime
) -> tuple[FunctionFacts, ...]:
    """Returns the functions with the lines of their logs that report an error."""

    def read(function: FunctionFacts) -> FunctionFacts:
        lines = error_lines(clients, function.log_group, since, _ERRORS) if function.log_group else ()
        return replace(function, errors=lines)

    with ThreadPoolExecutor(min(WORKERS, len(functions) or 1)) as pool:
        return tuple(pool.map(read, functions))


def read_event_sources(clients: Clients, names: StageNames) -> tuple[EventSource, ...]:
    """Returns the stacks' event source mappings."""

    def read(resource: Resource) -> EventSource:
        try:
            state = clients["lambda"].get_event_source_mapping(UUID=resource.physical_id)["State"]
        except ClientError as error:
            if not _is_gone(error):
                raise
            state = MISSING
        return EventSource(resource.physical_id, resource.logical_id, state)

    return tuple(map(read, names.of_type("AWS::Lambda::EventSourceMapping")))


def read_rules(clients: Clients, names: StageNames) -> tuple[RuleFacts, ...]:
    """Returns the stacks' rules of EventBridge."""

    def read(resource: Resource) -> RuleFacts:
        try:
            found = clients["events"].describe_rule(Name=resource.physical_id)
            targets = clients["events"].list_targets_by_rule(Rule=resource.physical_id)["Targets"]
        except ClientError as error:
            if not _is_gone(error):
                raise
            return RuleFacts(resource.logical_id, resource.physical_id, MISSING)
        return RuleFacts(
            resource.logical_id,
            resource.physical_id,
            found["State"],
            targets=tuple(each["Arn"] for each in targets),
            arn=found.get("Arn", ""),
        )

    return tuple(map(read, names.of_type("AWS::Events::Rule")))
