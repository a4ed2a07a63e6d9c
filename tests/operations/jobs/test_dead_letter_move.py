"""SQS moves the messages; the command names the destination, waits, and says what happened."""

from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from async_endpoint.operations.deadline import Deadline
from async_endpoint.operations.jobs.dead_letter_move import MoveError, move_dead_letters
from async_endpoint.operations.jobs.workflow import WorkerQueue
from tests.support.endpoint_fixtures import Clock

HOST = "https://sqs.eu-central-1.amazonaws.com/111122223333"
QUEUE = WorkerQueue("intake", f"{HOST}/intake", f"{HOST}/intake-dead")
SOURCE = "arn:aws:sqs:eu-central-1:111122223333:intake-dead"
DESTINATION = "arn:aws:sqs:eu-central-1:111122223333:intake"


class Sqs:
    """A client whose calls are answered in order; each must be made exactly so."""

    def __init__(self, session: boto3.Session) -> None:
        self.client = session.client("sqs")
        self.stub = Stubber(self.client)
        names = {"QueueUrl": QUEUE.dead_letters_url, "AttributeNames": ["QueueArn"]}
        self.stub.add_response("get_queue_attributes", {"Attributes": {"QueueArn": SOURCE}}, names)

    def tasks(self, *tasks: dict[str, Any]) -> None:
        self.stub.add_response("list_message_move_tasks", {"Results": list(tasks)}, {"SourceArn": SOURCE})

    def start(self) -> None:
        request = {"SourceArn": SOURCE, "DestinationArn": DESTINATION}
        self.stub.add_response("start_message_move_task", {"TaskHandle": "1"}, request)


def task(status: str, moved: int, started: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "Status": status,
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": 5,
        "StartedTimestamp": started,
        **more,
    }


def move(sqs: Sqs, clock: Clock, seconds: float = 60) -> tuple[int, list[tuple[int, int | None]]]:
    progress: list[tuple[int, int | None]] = []
    with sqs.stub:
        moved = move_dead_letters(
            cast("Any", sqs.client),
            QUEUE,
            Deadline(seconds, clock=clock, sleep=clock.sleep),
            lambda done, total: progress.append((done, total)),
        )
    sqs.stub.assert_no_pending_responses()
    return moved, progress


@pytest.fixture
def sqs(session: boto3.Session) -> Sqs:
    return Sqs(session)


def test_messages_are_moved_to_the_workers_queue_by_name_and_the_progress_is_reported(sqs: Sqs, clock: Clock) -> None:
    earlier = task("COMPLETED", 9, started=1)
    sqs.tasks(earlier)
    sqs.start()
    sqs.tasks(earlier)  # the new task is not listed yet
    sqs.tasks(task("RUNNING", 2))
    sqs.tasks(task("COMPLETED", 5))

    assert move(sqs, clock) == (5, [(0, None), (2, 5), (5, 5)])


def test_a_move_in_progress_is_waited_for(sqs: Sqs, clock: Clock) -> None:
    sqs.tasks(task("RUNNING", 1))
    sqs.tasks(task("COMPLETED", 5))

    assert move(sqs, clock)[0] == 5


def test_a_move_that_cannot_start_says_how_to_do_it_by_hand(sqs: Sqs, clock: Clock) -> None:
    sqs.tasks()
    sqs.stub.add_client_error("start_message_move_task", "UnsupportedOperation", "not here")

    with pytest.raises(MoveError, match=r"intake-dead \(.*not here\): in its console, .* intake as custom destination"):
        move(sqs, clock)


def test_a_move_that_fails_says_why(sqs: Sqs, clock: Clock) -> None:
    sqs.tasks()
    sqs.start()
    sqs.tasks(task("FAILED", 3, FailureReason="AccessDenied"))

    with pytest.raises(MoveError, match=r"is FAILED after 3 messages \(AccessDenied\)"):
        move(sqs, clock)


def test_a_move_that_takes_too_long_continues_without_the_command(sqs: Sqs, clock: Clock) -> None:
    sqs.tasks()
    sqs.start()
    sqs.tasks(task("RUNNING", 1))

    with pytest.raises(MoveError, match="SQS has moved 1 message of intake-dead after 0 s and continues"):
        move(sqs, clock, seconds=0)
