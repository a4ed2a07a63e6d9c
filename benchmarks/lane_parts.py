"""The parts of the simulated world of `lanes`: the table with its index, and the queues with their functions."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from async_endpoint.protocol import JobRecord, JobState

MESSAGES = 10
ENVIRONMENTS = 10
"""Messages of a batch, and batches at a time, as in a stage's own settings."""


@dataclass(frozen=True)
class Delays:
    """Seconds, each within a range: `slow` multiplies what lies between two services."""

    slow: float = 1.0
    event: tuple[float, float] = (0.2, 0.6)  # from an upload to its message
    poll: tuple[float, float] = (0.02, 0.2)  # from a message to the function
    notification: tuple[float, float] = (0.1, 0.4)  # from a result to its message
    index: tuple[float, float] = (0.05, 0.5)  # from a write to the table's index
    submission: float = 0.15
    look: float = 0.03  # a message that ends with a read or write of the table
    record: float = 0.05


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        lanes: Whether documents are admitted; without, each is submitted at once.
        documents: How many are uploaded, within `upload_seconds`.
        upload_seconds: See there.
        urgent_every: Seconds between urgent documents.
        instances: That run all the time.
        batch: Documents of a batch.
        batch_seconds: How long an instance takes for one.
        delays: Of the services.
    """

    lanes: bool
    documents: int = 5_000
    upload_seconds: float = 25.0
    urgent_every: float = 17.0
    instances: int = 1
    batch: int = 8
    batch_seconds: float = 2.0
    delays: Delays = field(default_factory=Delays)


class Time(Protocol):
    """The world's clock."""

    case: Case

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Does something later."""

    def pick(self, span: tuple[float, float]) -> float:
        """Returns a delay of a range."""


class Table:
    """GetItem and UpdateItem of the jobs table, and its index, which learns of a write later."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._items: dict[str, dict[str, Any]] = {}
        self.index: dict[str, dict[str, dict[str, Any]]] = {state.value: {} for state in JobState}
        self._state: dict[str, str] = {}

    def get_item(self, *, Key: dict[str, str], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """GetItem."""
        item = self._items.get(Key["job_id"])
        return {"Item": dict(item)} if item else {}

    def update_item(self, *, Key: dict[str, str], **update: Any) -> None:  # noqa: N803 - boto3's names
        """UpdateItem; there is one writer at a time, so its condition always holds."""
        names, values = update["ExpressionAttributeNames"], update["ExpressionAttributeValues"]
        expression, _, adds = update["UpdateExpression"].removeprefix("SET ").partition(" ADD ")
        sets, _, removes = expression.partition(" REMOVE ")
        item = dict(self._items.get(Key["job_id"], Key))
        for assignment in sets.split(", "):
            name, value = assignment.split(" = ")
            item[names[name]] = values[value]
        for name in filter(None, removes.split(", ")):
            item.pop(names[name], None)
        for name, value in (each.split(" ") for each in filter(None, adds.split(", "))):
            item[names[name]] = item.get(names[name], 0) + values[value]
        self._items[Key["job_id"]] = item
        self._time.after(self._time.pick(self._time.case.delays.index), lambda: self._show(item))

    def _show(self, item: dict[str, Any]) -> None:
        job_id = item["job_id"]
        if int(item["revision"]) >= int(self._items[job_id]["revision"]) or job_id not in self._state:
            self.index[self._state.get(job_id, item["state"])].pop(job_id, None)
            self.index[item["state"]][job_id] = item
            self._state[job_id] = item["state"]

    def oldest_waiting(self, limit: int) -> Sequence[JobRecord]:
        """Returns jobs that wait for admission, the oldest first."""
        received = self.index[JobState.RECEIVED]
        waiting = (item for item in received.values() if item.get("claimed_until") == 0)
        return [
            JobRecord.from_item(item) for item in heapq.nsmallest(limit, waiting, key=lambda item: item["updated_at"])
        ]


class Queue:
    """A queue and the function behind it: so many batches at a time, each message after the other.

    Attributes:
        delayed: Messages that were sent and cannot be received yet.
    """

    def __init__(self, time: Time, function: Callable[[int, list[str]], Iterator[float]]) -> None:
        self._time = time
        self._function = function
        self._messages: deque[str] = deque()
        self._in_flight = 0
        self.delayed = 0
        self._free = list(range(ENVIRONMENTS))

    def __len__(self) -> int:
        return len(self._messages) + self._in_flight

    def send(self, message: str, delay: float) -> None:
        """Sends a message, to be delivered after the delay and some polling."""
        self.delayed += 1

        def arrive() -> None:
            self.delayed -= 1
            self._messages.append(message)
            self._time.after(self._time.pick(self._time.case.delays.poll), self._start)

        self._time.after(delay, arrive)

    def _start(self) -> None:
        if not (self._messages and self._free):
            return
        environment = heapq.heappop(self._free)
        batch = [self._messages.popleft() for _ in range(min(MESSAGES, len(self._messages)))]
        self._in_flight += len(batch)
        self._go_on(environment, self._function(environment, batch), len(batch))

    def _go_on(self, environment: int, work: Iterator[float], count: int) -> None:
        seconds = next(work, None)
        if seconds is not None:
            self._time.after(seconds, lambda: self._go_on(environment, work, count))
            return
        self._in_flight -= count
        heapq.heappush(self._free, environment)
        self._start()
