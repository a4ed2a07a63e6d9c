"""The intake, an endpoint and the results in virtual time, with the functions' own logic.

Only what AWS does is simulated: the queues and their delays, the table's index that lags, and instances that process
batches of a known length. The module needs `lambda/` on the path.
"""

import heapq
import itertools
import json
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from async_endpoint.protocol import (
    AttemptRequest,
    InvocationRequest,
    JobRecord,
    JobsTableWriter,
    JobState,
    VariantCapacity,
    build_success,
    utc_timestamp,
)
from record.logic import parse_outcome
from shared.admission import Admitter
from shared.outcomes import OutcomeWriter
from submit.lane import Lane
from submit.lane_limit import LimitSettings
from submit.logic import Submitter
from submit.ports import Acceptance, Head
from submit.settings import Settings

START = datetime(2027, 1, 15, 8, tzinfo=UTC)
URGENT = "inbox-urgent/"
_MESSAGES = 10
_ENVIRONMENTS = 10
_SETTINGS = Settings(
    jobs_table="jobs",
    endpoint_name="receipts",
    region="eu-central-1",
    request_ttl_seconds=3600,
    invocation_timeout_seconds=60,
    job_retention_days=30,
    claim_seconds=60,
)


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


class Table:
    """GetItem and UpdateItem of the jobs table, and its index, which learns of a write later."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._items: dict[str, dict[str, Any]] = {}
        self.index: dict[str, dict[str, dict[str, Any]]] = {state.value: {} for state in JobState}
        self._state: dict[str, str] = {}

    def get_item(self, *, Key: dict[str, str], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's names
        item = self._items.get(Key["job_id"])
        return {"Item": dict(item)} if item else {}

    def update_item(self, *, Key: dict[str, str], **update: Any) -> None:  # noqa: N803 - boto3's names
        names, values = update["ExpressionAttributeNames"], update["ExpressionAttributeValues"]
        sets, _, removes = update["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
        item = dict(self._items.get(Key["job_id"], Key))
        for assignment in sets.split(", "):
            name, value = assignment.split(" = ")
            item[names[name]] = values[value]
        for name in filter(None, removes.split(", ")):
            item.pop(names[name], None)
        self._items[Key["job_id"]] = item
        self._world.after(self._world.pick(self._world.case.delays.index), lambda: self._show(item))

    def _show(self, item: dict[str, Any]) -> None:
        job_id = item["job_id"]
        if int(item["revision"]) >= int(self._items[job_id]["revision"]) or job_id not in self._state:
            self.index[self._state.get(job_id, item["state"])].pop(job_id, None)
            self.index[item["state"]][job_id] = item
            self._state[job_id] = item["state"]

    def oldest_waiting(self, limit: int) -> Sequence[JobRecord]:
        received = self.index[JobState.RECEIVED]
        waiting = (item for item in received.values() if item.get("claimed_until") == 0)
        return [
            JobRecord.from_item(item) for item in heapq.nsmallest(limit, waiting, key=lambda item: item["updated_at"])
        ]


@dataclass
class View:
    """What the lane looks at."""

    world: "World"

    def capacity(self) -> VariantCapacity:
        count = self.world.case.instances
        return VariantCapacity(status="InService", running=count, desired=count)

    def outcomes_per_second(self) -> float:
        times = heapq.nlargest(50, (item["updated_at"] for item in self.world.table.index["COMPLETED"].values()))
        if not times:
            return 0.0
        return len(times) / max(1.0, (self.world.moment - datetime.fromisoformat(times[-1])).total_seconds())

    def submitted(self, *, since: datetime, most: int) -> int:
        oldest = utc_timestamp(since)
        return min(most, sum(item["updated_at"] > oldest for item in self.world.table.index["SUBMITTED"].values()))

    def anybody_waits(self) -> bool:
        return bool(self.world.table.oldest_waiting(1))

    def queued(self) -> int:
        return len(self.world.intake)


class Queue:
    """A queue and the function behind it: so many batches at a time, each message after the other."""

    def __init__(self, world: "World", function: Callable[[int, list[str]], Iterator[float]]) -> None:
        self._world = world
        self._function = function
        self._messages: deque[str] = deque()
        self._in_flight = 0
        self._free = list(range(_ENVIRONMENTS))

    def __len__(self) -> int:
        return len(self._messages) + self._in_flight

    def send(self, message: str, delay: float) -> None:
        def arrive() -> None:
            self._messages.append(message)
            self._world.after(self._world.pick(self._world.case.delays.poll), self._start)

        self._world.after(delay, arrive)

    def _start(self) -> None:
        if not (self._messages and self._free):
            return
        environment = heapq.heappop(self._free)
        batch = [self._messages.popleft() for _ in range(min(_MESSAGES, len(self._messages)))]
        self._in_flight += len(batch)
        self._go_on(environment, self._function(environment, batch), len(batch))

    def _go_on(self, environment: int, work: Iterator[float], count: int) -> None:
        seconds = next(work, None)
        if seconds is not None:
            self._world.after(seconds, lambda: self._go_on(environment, work, count))
            return
        self._in_flight -= count
        heapq.heappush(self._free, environment)
        self._start()


class World:
    """Everything of one run."""

    def __init__(self, case: Case, seed: int = 0) -> None:
        self.case = case
        self.now = 0.0
        self._random = random.Random(seed)  # noqa: S311 - delays, not secrets
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.table = Table(self)
        self.jobs = JobsTableWriter(self.table)
        self.intake, self.urgent = Queue(self, self._submit), Queue(self, self._submit)
        self.results = Queue(self, self._record)
        self._lanes = [self._lane() for _ in range(_ENVIRONMENTS)]
        self._admitters = [self._admitter() for _ in range(_ENVIRONMENTS)]
        self._waiting: deque[str] = deque()  # SageMaker's queue
        self._taken: list[deque[str]] = [deque() for _ in range(case.instances)]
        self._busy = [False] * case.instances
        self.ended: list[float] = []  # when each batch ended
        self.uploaded: dict[str, float] = {}
        self.accepted: dict[str, float] = {}
        self.began: dict[str, float] = {}
        self.done: dict[str, float] = {}
        self.deepest = 0

    @property
    def moment(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def is_urgent(self, job_id: str) -> bool:
        job = self.jobs.get(job_id)
        return bool(job and job.key and job.key.startswith(URGENT))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), do))

    def pick(self, span: tuple[float, float]) -> float:
        return self._random.uniform(*span) * self.case.delays.slow

    def run(self) -> "World":
        """Uploads the documents, and urgent ones at intervals while others wait, until all are done."""
        case = self.case
        for number in range(case.documents):
            self.after(number * case.upload_seconds / case.documents, lambda key=f"inbox/{number}": self._upload(key))
        self.after(case.upload_seconds + case.urgent_every, lambda: self._upload_urgent(0))
        while self._events:
            self.now, _, do = heapq.heappop(self._events)
            do()
        return self

    def _upload_urgent(self, number: int) -> None:
        if len(self.done) < self.case.documents - 4 * self.case.batch * self.case.instances:
            self._upload(f"{URGENT}{number}")
            self.after(self.case.urgent_every, lambda: self._upload_urgent(number + 1))

    def _upload(self, key: str) -> None:
        self.uploaded[key] = self.now
        created = {"key": key, "size": 9, "etag": "e", "version-id": "v"}
        event = {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": self.moment.isoformat(),
            "region": "eu-central-1",
            "detail": {"bucket": {"name": "inputs"}, "object": created},
        }
        queue = self.urgent if key.startswith(URGENT) else self.intake
        queue.send(json.dumps(event), self.pick(self.case.delays.event))

    # The functions.
    def request_all(self, requests: Sequence[AttemptRequest], delay_seconds: int) -> None:
        for request in requests:
            self.urgent.send(request.to_message(), delay_seconds + 0.01)

    def _admitter(self) -> Admitter:
        return Admitter(self.table, self, lambda: self.now, self._random.shuffle)

    def _lane(self) -> Lane:
        case = self.case
        settings = LimitSettings(
            instance_requests=2 * case.batch,
            instance_batch=case.batch,
            backlog_per_instance=5,
            max_instances=case.instances,
            batch_size=_MESSAGES,
            max_concurrency=_ENVIRONMENTS,
        )
        return Lane(
            View(self),
            settings,
            urgent_prefix=URGENT,
            fill=self._admitter().fill,
            clock=lambda: self.moment.timestamp(),
        )

    def _submit(self, environment: int, messages: list[str]) -> Iterator[float]:
        lane = self._lanes[environment]
        submitter = Submitter(
            jobs=self.jobs,
            documents=self,
            endpoint=self,
            settings=_SETTINGS,
            clock=lambda: self.moment.timestamp(),
            lane=lane if self.case.lanes else None,
        )
        lane.begin()
        for message in messages:
            said = submitter.submit(submitter.identify(message))
            yield self.case.delays.submission if "is submitted" in said else self.case.delays.look
        if self.case.lanes:
            lane.end()

    def _record(self, environment: int, messages: list[str]) -> Iterator[float]:
        for message in messages:
            outcome = parse_outcome(
                message, attempts=self.jobs, job_retention_days=30, clock=lambda: self.moment.timestamp()
            )
            if outcome:
                self._writer.write(outcome)
            yield self.case.delays.record
        if self.case.lanes:
            self._admitters[environment].replace(len(messages))

    @property
    def _writer(self) -> OutcomeWriter:
        return OutcomeWriter(
            jobs=self.jobs,
            failures=self,
            attempts=self,
            max_submissions=1,
            retry_delay_seconds=30,
            clock=lambda: self.now,
        )

    def head(self, bucket: str, key: str) -> Head:
        del bucket, key
        return Head("v", "e", "image/png")

    def read(self, location: str) -> bytes | None:
        del location
        return None

    def request(self, request: AttemptRequest, delay_seconds: int) -> None:
        self.intake.send(request.to_message(), delay_seconds)

    # SageMaker.
    def invoke(self, request: InvocationRequest) -> Acceptance:
        self._waiting.append(request.inference_id or "")
        self.accepted[request.inference_id or ""] = self.now
        self.deepest = max(self.deepest, len(self._waiting))
        self._take()
        return Acceptance(f"s3://outputs/{request.inference_id}", None)

    def _take(self) -> None:
        """Each instance takes what it may have at a time, and begins a batch when it is free."""
        for number, taken in enumerate(self._taken):
            while self._waiting and len(taken) < (1 if self._busy[number] else 2) * self.case.batch:
                taken.append(self._waiting.popleft())
            if taken and not self._busy[number]:
                batch = [taken.popleft() for _ in range(min(self.case.batch, len(taken)))]
                self._busy[number] = True
                self.began |= dict.fromkeys(batch, self.now)
                self.after(self.case.batch_seconds, lambda number=number, batch=batch: self._end(number, batch))

    def _end(self, number: int, batch: list[str]) -> None:
        self._busy[number] = False
        self.ended.append(self.now)
        for inference_id in batch:
            self.done[inference_id] = self.now
            message = build_success(
                inference_id=inference_id,
                endpoint_name="receipts",
                output_location=f"s3://outputs/{inference_id}",
                region="eu-central-1",
                received_time=self.moment,
                event_time=self.moment,
            )
            self.results.send(json.dumps(message), self.pick(self.case.delays.notification))
        self._take()
