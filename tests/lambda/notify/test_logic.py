"""Each outcome is announced by one event, and what was not accepted is delivered again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from async_endpoint.protocol import JobRecord, JobState
from notify.changes import Change
from notify.logic import Notifier
from notify.signature import Signer
from tests.support.stream import job, number_of, written

FINAL = [state for state in JobState if state.is_final]
OPEN = [state for state in JobState if not state.is_final]


@dataclass
class Bus:
    """A bus in memory, which rejects events of the jobs in `rejected`."""

    events: list[dict[str, Any]] = field(default_factory=list)
    rejected: set[str] = field(default_factory=set)

    def put(self, details: Sequence[Mapping[str, Any]]) -> list[str | None]:
        self.events += [{**each} for each in details if each["job_id"] not in self.rejected]
        return ["ThrottlingException: slow down" if each["job_id"] in self.rejected else None for each in details]


class Jobs:
    """A table with three jobs, of which one has no outcome."""

    def find(self, job_id: str) -> Change | None:
        states = {"done": JobState.COMPLETED, "open": JobState.SUBMITTED, "failed": JobState.FAILED}
        return Change(None, job(states[job_id], job_id=job_id), 5) if job_id in states else None


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def notifier(bus: Bus) -> Notifier:
    return Notifier(bus=bus, jobs=Jobs(), endpoint_name="receipts", signer=None)


@pytest.mark.parametrize("state", FINAL)
def test_a_job_that_gets_an_outcome_is_announced(notifier: Notifier, bus: Bus, state: JobState) -> None:
    assert notifier.process([written(job(state), job(JobState.SUBMITTED))]) is None
    assert [(each["job_id"], each["state"]) for each in bus.events] == [("a" * 64, state.value)]


def test_a_job_that_is_recorded_with_its_outcome_is_announced(notifier: Notifier, bus: Bus) -> None:
    notifier.process([written(job())])
    assert len(bus.events) == 1


@pytest.mark.parametrize("state", OPEN)
def test_a_job_without_an_outcome_is_not_announced(notifier: Notifier, bus: Bus, state: JobState) -> None:
    assert notifier.process([written(job(state), job(JobState.FAILED))]) is None
    assert bus.events == []


@pytest.mark.parametrize("state", FINAL)
def test_more_facts_about_the_same_outcome_are_not_announced(notifier: Notifier, bus: Bus, state: JobState) -> None:
    notifier.process([written(job(state, submitted_at="2027-01-15T08:00:30.000Z"), job(state))])
    assert bus.events == []


def test_another_outcome_is_announced_with_a_higher_revision(notifier: Notifier, bus: Bus) -> None:
    expired, completed = job(JobState.EXPIRED), job(JobState.COMPLETED)
    notifier.process([written(expired, revision=3), written(completed, expired, revision=4)])
    assert [(each["state"], each["revision"]) for each in bus.events] == [("EXPIRED", 3), ("COMPLETED", 4)]


@pytest.mark.parametrize(("before", "after", "announced"), [(1, 2, 1), (2, 1, 0)])
def test_a_later_attempt_has_an_outcome_of_its_own_and_an_earlier_one_adds_nothing(
    notifier: Notifier, bus: Bus, before: int, after: int, announced: int
) -> None:
    notifier.process([written(job(JobState.FAILED, attempt=after), job(JobState.FAILED, attempt=before))])
    assert len(bus.events) == announced


def test_the_event_has_every_fact_and_a_key_that_two_events_of_one_outcome_share(notifier: Notifier, bus: Bus) -> None:
    failed = job(
        JobState.FAILED,
        attempt=2,
        input_location="s3://inputs/inbox/a.png",
        reason="The page is blank.",
        submitted_at="2027-01-15T08:00:30.000Z",
        failure_location="s3://outputs/failures/1-error.out",
    )

    notifier.process([written(failed, revision=7)] * 2)

    assert (
        bus.events
        == [
            {
                "schema_version": "1",
                "deduplication_key": f"{'a' * 64}.2.FAILED",
                "endpoint_name": "receipts",
                "job_id": "a" * 64,
                "state": "FAILED",
                "attempt": 2,
                "revision": 7,
                "bucket": "inputs",
                "key": "inbox/a.png",
                "version": "v1",
                "input_location": "s3://inputs/inbox/a.png",
                "outcome_location": "s3://outputs/failures/1-error.out",
                "reason": "The page is blank.",
                "received_at": "2027-01-15T08:00:00.000Z",
                "submitted_at": "2027-01-15T08:00:30.000Z",
                "ended_at": "2027-01-15T08:01:00.000Z",
            }
        ]
        * 2
    )


def test_what_the_bus_rejects_is_delivered_again_from_the_first(notifier: Notifier, bus: Bus) -> None:
    bus.rejected = {"b", "d"}
    records = [written(job(job_id=name)) for name in "abcd"]
    assert notifier.process(records) == number_of(records[1])
    assert [each["job_id"] for each in bus.events] == ["a", "c"]


def test_a_record_that_is_not_a_job_holds_up_no_other(notifier: Notifier, bus: Bus) -> None:
    records = [written(job(job_id="a")), written(None), written(job(job_id="c"))]
    assert notifier.process(records) == number_of(records[1])
    assert [each["job_id"] for each in bus.events] == ["a", "c"]


def test_a_rejected_event_before_a_record_that_is_not_a_job_comes_first(notifier: Notifier, bus: Bus) -> None:
    bus.rejected = {"a"}
    records = [written(job(job_id="a")), written(None)]
    assert notifier.process(records) == number_of(records[0])


def test_a_job_of_a_client_has_no_upload(notifier: Notifier, bus: Bus) -> None:
    own = JobRecord(job_id="a-client-s-own", state=JobState.COMPLETED, result_location="s3://outputs/2.out")
    notifier.process([written(own)])
    (event,) = bus.events
    assert (event["key"], event["version"], event["outcome_location"]) == (None, None, "s3://outputs/2.out")


def signing(bus: Bus, secret: str) -> Notifier:
    return Notifier(
        bus=bus,
        jobs=Jobs(),
        endpoint_name="receipts",
        signer=Signer(secret=lambda: secret, clock=lambda: 1_800_000_000),
    )


def test_with_a_webhook_an_event_has_its_signed_body(bus: Bus) -> None:
    signing(bus, "whsec_" + "a" * 40).process([written(job())])
    (event,) = bus.events
    body = event.pop("webhook")
    assert json.loads(body["payload"]) == event
    assert (body["id"], body["timestamp"]) == (event["deduplication_key"], "1800000000")


def test_what_cannot_be_signed_is_announced_to_the_others_and_delivered_again(bus: Bus) -> None:
    records = [written(job())]
    assert signing(bus, "not a key").process(records) == number_of(records[0])
    (event,) = bus.events
    assert "webhook" not in event


def test_by_command_jobs_with_an_outcome_are_announced_and_the_others_are_named(notifier: Notifier, bus: Bus) -> None:
    bus.rejected = {"failed"}
    assert notifier.announce(["done", "open", "unknown", "failed"]) == ["open", "unknown", "failed"]
    assert [(each["job_id"], each["revision"]) for each in bus.events] == [("done", 5)]


@dataclass
class Documents:
    """Documents in memory."""

    tagged: list[JobState] = field(default_factory=list)

    def tag(self, record: JobRecord) -> None:
        self.tagged.append(record.state)


def test_the_documents_of_outcomes_are_tagged_and_no_others(bus: Bus) -> None:
    documents = Documents()
    notifier = Notifier(bus=bus, jobs=Jobs(), endpoint_name="receipts", documents=documents)
    failed, completed = job(JobState.FAILED), job(JobState.COMPLETED)
    notifier.process([written(failed), written(failed, failed), written(job(JobState.RECEIVED)), written(completed)])
    assert documents.tagged == [JobState.FAILED, JobState.COMPLETED]
