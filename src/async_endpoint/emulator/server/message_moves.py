"""DLQ redrives: the tasks that move messages out of a dead-letter queue, and what SQS's API tells of them.

Source: the SQS API reference, StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask.
"""

import base64
import json
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import uuid4

MAX_PER_SECOND = 500
MAX_RESULTS = 10


class Status(StrEnum):
    """The status of a task, as ListMessageMoveTasks has it."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


@dataclass
class MoveTask:
    """One redrive.

    Attributes:
        source: The ARN of the dead-letter queue.
        destination: The ARN of the queue that gets the messages; None for the queue that each came from.
        rate: Messages per second of the wall's clock at most; None for as many as possible.
        to_move: How many messages the dead-letter queue had at the start.
        moved: How many have been moved.
        status: Its status.
        reason: Why it failed.
        handle: By which CancelMessageMoveTask names it.
        started_at: In epoch seconds of the wall's clock, like all times of SQS here.
    """

    source: str
    destination: str | None
    rate: int | None
    to_move: int
    moved: int = 0
    status: Status = Status.RUNNING
    reason: str | None = None
    handle: str = ""
    started_at: float = field(default_factory=time.time)
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Gives the task a handle, which clients do not look into."""
        content = json.dumps({"taskId": str(uuid4()), "sourceArn": self.source})
        self.handle = base64.b64encode(content.encode()).decode()

    def due(self, most: int) -> int:
        """Returns how many messages, up to `most`, may move now without exceeding the rate."""
        if self.rate is None:
            return most
        allowed = int((time.monotonic() - self._began) * self.rate) + 1
        return max(0, min(most, allowed - self.moved))

    def describe(self) -> dict[str, Any]:
        """Returns the task as ListMessageMoveTasks does; a handle only while it runs."""
        members = {
            "TaskHandle": self.handle if self.status is Status.RUNNING else None,
            "Status": self.status.value,
            "SourceArn": self.source,
            "DestinationArn": self.destination,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.reason,
            "StartedTimestamp": int(self.started_at * 1000),
        }
        return {name: value for name, value in members.items() if value is not None}


class MoveTasks:
    """The tasks of this process, by dead-letter queue; used by one thread. No stop of the process outlives them."""

    def __init__(self) -> None:
        self._tasks: dict[str, list[MoveTask]] = {}

    def running(self, source: str) -> MoveTask | None:
        """Returns the running task of a dead-letter queue; there is one at most."""
        return next((task for task in self._tasks.get(source, ()) if task.status is Status.RUNNING), None)

    def add(self, task: MoveTask) -> None:
        """Adds a task; only the newest ones of a queue are kept, as many as ListMessageMoveTasks returns at most."""
        self._tasks[task.source] = [task, *self._tasks.get(task.source, ())][:MAX_RESULTS]

    def newest(self, source: str, count: int) -> list[MoveTask]:
        """Returns the newest `count` tasks of a dead-letter queue, the newest first."""
        return self._tasks.get(source, [])[:count]

    def find(self, handle: str) -> MoveTask | None:
        """Returns the task with a handle."""
        return next((task for tasks in self._tasks.values() for task in tasks if task.handle == handle), None)
