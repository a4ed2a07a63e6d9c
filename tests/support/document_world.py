"""One document among the functions, the reconciler and the commands, on one table.

SageMaker, S3 and the queue are in memory: they lose, double and delay what the real ones may.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from async_endpoint.protocol import (
    AttemptRequest,
    InvocationRequest,
    JobRecord,
    JobState,
    S3Location,
    VariantCapacity,
    build_failure,
    build_success,
)
from reconcile.logic import Reconciler
from reconcile.ports import Page, Stored, Waiting
from reconcile.settings import Settings
from record.logic import parse_outcome
from shared.admission import Admitter
from shared.outcomes import OutcomeWriter
from submit.lane import Lane
from submit.lane_limit import LimitSettings
from submit.logic import Arrival
from submit.ports import Acceptance, AcceptanceUnknown, RetryLater
from tests.support.intake import RECONCILE_ENVIRONMENT, Intake, object_created

REASONS = {
    "500": "ClientError: Received server error (500) from model.",
    "400": "ClientError: Received client error (400) from model.",
}
MAX_SUBMISSIONS = 2
CLAIM_SECONDS = 120
LIMITS = LimitSettings(
    instance_requests=2, instance_batch=1, backlog_per_instance=5, max_instances=1, batch_size=10, max_concurrency=10
)


@dataclass
class Accepted:
    """A request that SageMaker has accepted."""

    inference_id: str
    number: int
    at: float

    @property
    def output(self) -> str:
        return f"s3://outputs/results/{self.number}.out"

    @property
    def failure(self) -> str:
        return f"s3://outputs/failures/{self.number}-error.out"


class DocumentWorld(RuleBasedStateMachine):
    """One document and what the functions and commands look at and change, without the rules of what may happen."""

    def __init__(self) -> None:
        super().__init__()
        self.intake = Intake()
        self.intake.put("inbox/a.png")
        self.intake.endpoint = self  # type: ignore[assignment]  # it has the one method that is called
        self.messages: list[str] = []
        self.running: list[Accepted] = []
        self.notifications: list[dict[str, Any]] = []
        self.objects: dict[str, datetime] = {}
        self.accepted: list[Accepted] = []
        self.fate: str | None = None
        self.unknown = 0
        self.commands = 0
        self.is_full = False
        self.read_ahead: list[tuple[str, Arrival]] = []
        self.admitter = Admitter(self, self, lambda: self.intake.now, lambda _: None)
        self.lane = Lane(
            self, LIMITS, urgent_prefix="inbox-urgent/", fill=self.admitter.fill, clock=lambda: self.intake.now
        )
        self.intake.lane = self.lane

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.intake.now, UTC)

    @property
    def job(self) -> JobRecord | None:
        return self.intake.job if any("state" in item for item in self.intake.table.items.values()) else None

    # SageMaker.
    def invoke(self, request: InvocationRequest) -> Acceptance:
        if self.fate == "throttled":
            raise RetryLater("slow down")
        accepted = Accepted(request.inference_id or "", len(self.accepted) + 1, self.intake.now)
        self.accepted.append(accepted)
        self.running.append(accepted)
        if self.fate == "unknown":
            self.unknown += 1
            raise AcceptanceUnknown("the connection broke")
        return Acceptance(accepted.output, accepted.failure)

    # What the lane and the admitter look at.
    def capacity(self) -> VariantCapacity:
        return VariantCapacity(status="InService", running=1, desired=1)

    def outcomes_per_second(self) -> float:
        return 0.0

    def submitted(self, *, since: datetime, most: int) -> int:
        del since
        return most if self.is_full else 0

    def queued(self) -> int:
        return len(self.messages)

    def depth(self) -> int:
        return len(self.messages)

    def anybody_waits(self) -> bool:
        return bool(self.oldest_waiting(1))

    def oldest_waiting(self, limit: int) -> list[JobRecord]:
        del limit
        job = self.job
        return [job] if job and job.waits_for_admission else []

    def request_all(self, requests: Sequence[AttemptRequest], delay_seconds: int) -> None:
        del delay_seconds
        self.messages += [request.to_message() for request in requests]

    # S3, the table and the queue, for the reconciler and the writer of outcomes.
    def stored_at(self, location: S3Location) -> datetime | None:
        return self.objects.get(location.uri)

    def read(self, location: str) -> bytes | None:
        return b'{"error": "It failed."}' if location in self.objects else None

    def inbox(self, marker: str | None) -> Page:
        del marker
        upload = self.intake.submitter.identify(json.dumps(object_created("inbox/a.png"))).upload
        return Page((Stored(upload, 9, "etag-of-9"),), None)

    def oldest(self, state: JobState, *, before: datetime, limit: int) -> list[JobRecord]:
        del limit
        job = self.job
        is_old = job and job.updated_at and datetime.fromisoformat(job.updated_at) < before
        return [job] if job and is_old and job.state is state and not job.waits_for_admission else []

    def known(self, job_ids: Any) -> set[str]:
        return set(job_ids) & set(self.intake.table.items)

    def marker(self) -> str | None:
        return None

    def put_marker(self, marker: str | None) -> None:
        del marker

    def waiting(self) -> int:
        return min(len(self.messages), 100)  # so many that the reconciler still works

    def dead(self) -> int:
        return 0

    def announce(self, document: Stored) -> None:
        del document
        self.messages.append(json.dumps(object_created("inbox/a.png")))

    def request(self, job: JobRecord | AttemptRequest, delay_seconds: int = 0) -> None:
        del delay_seconds
        self.messages.append(AttemptRequest(job.job_id, job.attempt).to_message())

    @property
    def writer(self) -> OutcomeWriter:
        return OutcomeWriter(
            jobs=self.intake.jobs,
            failures=self,
            attempts=self,
            max_submissions=MAX_SUBMISSIONS,
            retry_delay_seconds=30,
            clock=lambda: self.intake.now,
        )

    def deliver(self, message: str) -> bool:
        """Returns whether the message is done."""
        return self.submit(self.intake.submitter.identify(message))

    def submit(self, arrival: Arrival) -> bool:
        """Returns whether the message is done."""
        before = self.job
        self.lane.begin()
        try:
            said = self.intake.submitter.submit(arrival)
        except RetryLater:
            return False
        if before and before.waits_for_admission and self.is_full:
            assert "is submitted" not in said, "a document that waits was submitted without room"
        self.lane.end()
        return True

    def end(self, accepted: Accepted, kind: str, notified: int) -> None:
        self.running.remove(accepted)
        common: dict[str, Any] = {
            "inference_id": accepted.inference_id,
            "endpoint_name": "receipts",
            "region": "eu-central-1",
            "received_time": self.now,
            "event_time": self.now,
        }
        if kind == "success":
            self.objects[accepted.output] = self.now
            message = build_success(**common, output_location=accepted.output)
        elif kind == "expired":
            message = build_failure(**common, failure_reason="ClientError: too old.", status="Expired")
        else:
            self.objects[accepted.failure] = self.now
            message = build_failure(**common, failure_reason=REASONS[kind], failure_location=accepted.failure)
        self.notifications += [message] * notified

    def record(self, message: dict[str, Any]) -> None:
        jobs, clock = self.intake.jobs, lambda: self.intake.now
        outcome = parse_outcome(json.dumps(message), attempts=jobs, job_retention_days=30, clock=clock)
        assert outcome is not None
        self.writer.write(outcome)
        self.admitter.replace(1)

    def put(self, waiting: Waiting) -> None:
        assert waiting.oldest >= timedelta(0)

    def reconcile(self) -> None:
        configured = Settings.from_environment(RECONCILE_ENVIRONMENT)
        reconciler = Reconciler(
            jobs=self,
            objects=self,
            messages=self,
            outcomes=self.writer,
            measurements=self,
            admit=self.admitter.ask,
            settings=configured,
            clock=lambda: 0.0,
        )
        assert reconciler.run(self.now).errors == []
