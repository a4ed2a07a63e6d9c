"""The moment of a queue's oldest message: what AWS counts, and from when."""

import importlib
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from async_endpoint.emulator.server.ministack import message_ages
from tests.emulator.fakes import ACCOUNT, REGION


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """ministack's queues in this process."""
    module = importlib.import_module("ministack.services.sqs")
    monkeypatch.setattr(module, "_dlq_sweep", module._dlq_sweep)  # put back afterwards
    message_ages.date_dead_letters()
    return module


@pytest.fixture
def names(sqs: Any) -> Iterator[tuple[str, str]]:
    """The names of a queue, whose messages move after four receives to its dead-letter queue."""
    queue, dead_letters = (f"queue-{uuid.uuid4().hex[:12]}" for _ in range(2))
    sqs._act_create_queue({"QueueName": dead_letters}, "")
    policy = {"deadLetterTargetArn": arn(dead_letters), "maxReceiveCount": 4}
    attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0", "MessageRetentionPeriod": "1209600"}
    sqs._act_create_queue({"QueueName": queue, "Attributes": attributes}, "")
    yield queue, dead_letters
    for name in (queue, dead_letters):
        sqs._act_delete_queue({"QueueUrl": sqs._queue_url(name)}, "")


def arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def oldest(name: str) -> float | None:
    return message_ages.oldest_messages(ACCOUNT, REGION).get(name)


def send(sqs: Any, name: str, sent_at: float) -> None:
    sqs._act_send_message({"MessageBody": "any"}, sqs._queue_url(name))
    sqs._queue_by_arn(arn(name))["messages"][-1]["sent_at"] = sent_at


def receive(sqs: Any, name: str) -> None:
    sqs._receive_messages_for_esm(sqs._queue_url(name), 1)


def test_an_empty_queue_has_none(names: tuple[str, str]) -> None:
    assert oldest(names[0]) is None


def test_the_oldest_message_counts_in_its_own_account_and_region(sqs: Any, names: tuple[str, str]) -> None:
    earlier = time.time() - 500
    send(sqs, names[0], earlier + 400)
    send(sqs, names[0], earlier)
    assert oldest(names[0]) == earlier
    assert not message_ages.oldest_messages(ACCOUNT, "eu-west-1").keys() & set(names)


def test_a_message_that_was_received_three_times_does_not_count(sqs: Any, names: tuple[str, str]) -> None:
    earlier = time.time() - 500
    send(sqs, names[0], earlier)
    send(sqs, names[0], earlier + 400)
    for expected in (earlier, earlier, earlier + 400):
        receive(sqs, names[0])
        assert oldest(names[0]) == expected


def test_a_dead_letter_is_as_old_as_its_move(sqs: Any, names: tuple[str, str]) -> None:
    send(sqs, names[0], time.time() - 500)
    began = time.time()
    for _ in range(5):
        receive(sqs, names[0])
    moved = oldest(names[1])
    assert oldest(names[0]) is None
    assert moved is not None
    assert began <= moved <= time.time()
