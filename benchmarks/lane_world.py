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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from async_endpoint.protocol import (
    AttemptRequest,
    InvocationRequest,
    JobsTableWriter,
    Upload,
    VariantCapacity,
    build_success,
    utc_timestamp,
)
from benchmarks.lane_parts import ENVIRONMENTS, MESSAGES, Case, Queue, Table
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
_SETTINGS = Settings(
    jobs_table="jobs",
    endpoint_name="receipts",
    region="eu-central-1",
    request_ttl_seconds=3600,
    invocation_timeout_seconds=60,
    job_retention_days=30,
    claim_seconds=60,
)


@dataclass
class View:
    """What the lane looks at."""

    world: "World"

    def capacity(self) -> VariantCapacity:
        """All instances run all the time."""
        count = self.world.case.instances
        return VariantCapacity(status="InService", running=count, desired=count)

    def outcomes_per_second(self) -> float:
        """As `submit.lane_adapters.AwsView`."""
        times = heapq.nlargest(50, (item["updated_at"] for item in self.world.table.index["COMPLETED"].values()))
        if not times:
            return 0.0
        return len(times) / max(1.0, (self.world.moment - datetime.fromisoformat(times[-1])).total_seconds())

    def submitted(self, *, since: datetime, most: int) -> int:
        """Counts in the index."""
        oldest = utc_timestamp(since)
        times = [item["updated_at"] for item in self.world.table.index["SUBMITTED"].values()]
        return min(most, len([at for at in times if at > oldest]))

    def anybody_waits(self) -> bool:
        """Looks into the index."""
        return bool(self.world.table.oldest_waiting(1))

    def queued(self) -> int:
        """The length of the intake queue."""
        return len(self.world.intake)


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
        self._lanes = [self._lane() for _ in range(ENVIRONMENTS)]
        self._admitters = [self._admitter() for _ in range(ENVIRONMENTS)]
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
        """The time of day."""
        return START + timedelta(seconds=self.now)

    def is_urgent(self, job_id: str) -> bool:
        """Whether a job is of an urgent document."""
        job = self.jobs.get(job_id)
        return bool(job and job.key and job.key.startswith(URGENT))

    def _epoch_seconds(self) -> float:
        return self.moment.timestamp()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Does something later."""
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), do))

    def pick(self, span: tuple[float, float]) -> float:
        """Returns a delay of a range."""
        return self._random.uniform(*span) * self.case.delays.slow

    def run(self) -> "World":
        """Uploads the documents, and urgent ones at intervals while others wait, until all are done."""
        case = self.case
        for number in range(case.documents):
            self.after(number * case.upload_seconds / case.documents, partial(self._upload, f"inbox/{number}"))
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
        """Sends requests to the urgent queue."""
        for request in requests:
            self.urgent.send(request.to_message(), delay_seconds + 0.01)

    def depth(self) -> int:
        """The depth of the urgent queue."""
        return len(self.urgent) + self.urgent.delayed

    def _admitter(self) -> Admitter:
        return Admitter(self.table, self, lambda: self.now, self._random.shuffle)

    def _lane(self) -> Lane:
        case = self.case
        settings = LimitSettings(
            instance_requests=2 * case.batch,
            instance_batch=case.batch,
            backlog_per_instance=5,
            max_instances=case.instances,
            batch_size=MESSAGES,
            max_concurrency=ENVIRONMENTS,
        )
        return Lane(
            View(self),
            settings,
            urgent_prefix=URGENT,
            fill=self._admitter().fill,
            clock=self._epoch_seconds,
        )

    def _submit(self, environment: int, messages: list[str]) -> Iterator[float]:
        lane = self._lanes[environment]
        submitter = Submitter(
            jobs=self.jobs,
            documents=self,
            endpoint=self,
            settings=_SETTINGS,
            clock=self._epoch_seconds,
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
            outcome = parse_outcome(message, attempts=self.jobs, job_retention_days=30, clock=self._epoch_seconds)
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
            clock=self._epoch_seconds,
        )

    def head(self, bucket: str, key: str, version_id: str | None = None) -> Head:
        """HeadObject."""
        del bucket, key, version_id
        return Head("v", "e", "image/png")

    def copy(self, upload: Upload, key: str) -> bool:
        """CopyObject."""
        del upload, key
        return True

    def read(self, location: str) -> bytes | None:
        """There are no failures."""
        del location
        return None

    def request(self, request: AttemptRequest, delay_seconds: int) -> None:
        """No attempt follows another."""
        self.intake.send(request.to_message(), delay_seconds)

    # SageMaker.
    def invoke(self, request: InvocationRequest) -> Acceptance:
        """InvokeEndpointAsync."""
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
                self.after(self.case.batch_seconds, partial(self._end, number, batch))

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
