"""What the reconciler looks at and changes, in memory: the jobs table, the buckets and the intake queue."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from async_endpoint.protocol import (
    AttemptRequest,
    JobRecord,
    JobsTableWriter,
    JobState,
    S3Location,
    Upload,
    record_submitted,
    utc_timestamp,
)
from reconcile.logic import Findings, Reconciler
from reconcile.ports import Page, Stored, Waiting
from reconcile.settings import Settings
from shared.outcomes import OutcomeWriter
from tests.support.intake import RECONCILE_ENVIRONMENT
from tests.support.memory_table import MemoryTable

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
NEVER = 4_000_000_000


def upload(key: str = "inbox/a.png", at: datetime = NOON) -> Upload:
    return Upload(bucket="inputs", key=key, version="v1", region="eu-central-1", received_at=at)


@dataclass
class World:
    """All ports in memory."""

    table: MemoryTable = field(default_factory=MemoryTable)
    objects: dict[str, datetime] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=lambda: [Page((), None)])
    queue: int = 0
    dead_letters: int = 0
    at_marker: str | None = None
    announced: list[Stored] = field(default_factory=list)
    requested: list[AttemptRequest] = field(default_factory=list)
    delayed: list[tuple[AttemptRequest, int]] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    measured: list[Waiting] = field(default_factory=list)

    def ticks(self) -> float:
        """The monotonic clock: the given moments, then 0 for ever."""
        return self.seconds.pop(0) if self.seconds else 0.0

    # The jobs table.
    def oldest(self, state: JobState, *, before: datetime, limit: int) -> Iterator[JobRecord]:
        records = [JobRecord.from_item(item) for item in self.table.items.values()]
        old = [
            each
            for each in records
            if each.state is state and (each.updated_at or "") < utc_timestamp(before) and not each.waits_for_admission
        ]
        yield from sorted(old, key=lambda each: each.updated_at or "")[:limit]

    def known(self, job_ids: Iterable[str]) -> set[str]:
        return set(job_ids) & set(self.table.items)

    def marker(self) -> str | None:
        return self.at_marker

    def put_marker(self, marker: str | None) -> None:
        self.at_marker = marker

    # S3.
    def stored_at(self, location: S3Location) -> datetime | None:
        if location.bucket == "foreign":
            raise PermissionError(location.uri)
        return self.objects.get(location.uri)

    def read(self, location: str) -> bytes | None:
        return self.bodies.get(location)

    def inbox(self, marker: str | None) -> Page:
        return self.pages[int(marker or 0)]

    # The intake queue.
    def waiting(self) -> int:
        return self.queue

    def dead(self) -> int:
        return self.dead_letters

    def announce(self, document: Stored) -> None:
        self.announced.append(document)

    def request(self, job: JobRecord | AttemptRequest, delay_seconds: int | None = None) -> None:
        if isinstance(job, AttemptRequest):
            self.delayed.append((job, delay_seconds or 0))
        else:
            self.requested.append(AttemptRequest(job.job_id, job.attempt))

    # CloudWatch.
    def put(self, waiting: Waiting) -> None:
        self.measured.append(waiting)

    def admit(self, count: int) -> int:
        self.asked.append(count)
        return 3

    @property
    def jobs(self) -> JobsTableWriter:
        return JobsTableWriter(self.table)

    def submitted(self, at: datetime = NOON) -> JobRecord:
        return self.jobs.merge(
            record_submitted(
                upload(at=at),
                at=at,
                content_type="image/png",
                output_location="s3://outputs/1.out",
                failure_location="s3://outputs/1-error.out",
                expires_at=NEVER,
            )
        )

    def run(self, now: datetime) -> Findings:
        writer = OutcomeWriter(
            jobs=self.jobs,
            failures=self,
            attempts=self,
            max_submissions=3,
            retry_delay_seconds=30,
            clock=now.timestamp,
        )
        settings = Settings.from_environment({**RECONCILE_ENVIRONMENT, **self.settings})
        return Reconciler(
            jobs=self,
            objects=self,
            messages=self,
            outcomes=writer,
            measurements=self,
            admit=self.admit,
            settings=settings,
            clock=self.ticks,
        ).run(now)

    def job(self) -> JobRecord:
        found = self.jobs.get(upload().job_id)
        assert found is not None
        return found


def stored(key: str, age: timedelta, now: datetime) -> Stored:
    return Stored(upload(key, now - age), 9, '"etag"')
