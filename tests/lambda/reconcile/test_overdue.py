"""Each run reports how old the jobs are that it found no outcome for, and how many of them are overdue."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from async_endpoint.protocol import JobRecord, JobState, S3Location, utc_timestamp
from reconcile.adapters import JobMetrics, time_of
from reconcile.logic import Reconciler
from reconcile.ports import Page, Waiting
from reconcile.settings import Settings
from shared.outcomes import Outcome
from tests.support.intake import RECONCILE_ENVIRONMENT

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
DUE = NOON - timedelta(seconds=9)
# TTL, processing time and the grace of half an hour.
ALLOWED = timedelta(seconds=3_600 + 60, minutes=30)
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """Jobs that have been submitted for so long; of a job at `unreadable`, no outcome can be found."""

    ages: list[timedelta]
    unreadable: bool = False
    broken: bool = False
    measured: list[Waiting] = field(default_factory=list)
    asked_for: int = 0

    def oldest(self, state: JobState, *, before: datetime, limit: int) -> Iterator[JobRecord]:
        del before
        if state is JobState.RECEIVED:
            return
        self.asked_for += 1
        for age in sorted(self.ages, reverse=True)[:limit]:
            job = JobRecord(job_id="a", state=state, submitted_at=utc_timestamp(NOON - age))
            yield replace(job, output_location="s3://outputs/a.out")

    def stored_at(self, location: S3Location) -> datetime | None:
        if self.unreadable:
            raise PermissionError(location.uri)
        return None

    def write(self, outcome: Outcome) -> str:
        return outcome.record.state

    def put(self, waiting: Waiting) -> None:
        if self.broken:
            raise TimeoutError("CloudWatch")
        self.measured.append(waiting)

    def run(self) -> Any:
        idle: Any = type("Idle", (), {"dead": lambda _: 0, "waiting": lambda _: 0})()
        world: Any = self
        world.marker, world.put_marker = lambda: None, lambda _: None
        world.known, world.inbox = set, lambda _: Page((), None)
        return Reconciler(
            jobs=world,
            objects=world,
            messages=idle,
            outcomes=world,
            measurements=world,
            admit=lambda _: 0,
            settings=Settings.from_environment(RECONCILE_ENVIRONMENT),
            clock=lambda: 0.0,
        ).run(NOON, due_at=DUE)


def test_without_a_job_the_age_is_zero_and_not_missing() -> None:
    world = World([])
    world.run()
    assert world.measured == [Waiting(DUE, timedelta(0), 0)]


def test_a_job_that_has_its_outcome_now_is_not_counted() -> None:
    world = World([20 * MINUTE, ALLOWED + MINUTE])
    assert world.run().expired == 1
    assert world.measured == [Waiting(DUE, 20 * MINUTE, 0)]


def test_a_job_that_is_overdue_and_cannot_be_finished_is_counted() -> None:
    world = World([20 * MINUTE, ALLOWED, ALLOWED + MINUTE, ALLOWED + 2 * MINUTE], unreadable=True)
    assert len(world.run().errors) == 4
    assert world.measured == [Waiting(DUE, ALLOWED + 2 * MINUTE, 2)]


def test_a_job_behind_those_of_a_run_is_reported_and_left_to_the_next() -> None:
    world = World([ALLOWED + MINUTE] * 201)
    findings = world.run()
    assert (findings.looked_at, findings.expired, world.asked_for) == (200, 200, 1)
    assert world.measured == [Waiting(DUE, ALLOWED + MINUTE, 1)]


def test_a_failed_publication_is_an_error_of_the_run_and_stops_nothing() -> None:
    world = World([ALLOWED + MINUTE], broken=True)
    findings = world.run()
    assert findings.expired == 1
    assert findings.errors == ["The age of the jobs was not published: TimeoutError: CloudWatch"]


def test_both_metrics_are_put_at_once_and_dated_by_the_schedule() -> None:
    calls: list[dict[str, Any]] = []
    cloudwatch = type("CloudWatch", (), {"put_metric_data": lambda _, **members: calls.append(members)})()
    JobMetrics(cast("Any", cloudwatch), "receipts").put(Waiting(DUE, 90 * MINUTE, 2))
    common = {"Dimensions": [{"Name": "EndpointName", "Value": "receipts"}], "Timestamp": DUE}
    assert calls == [
        {
            "Namespace": "AsyncEndpoint",
            "MetricData": [
                {"MetricName": "OldestSubmittedJob", **common, "Unit": "Seconds", "Value": 5400.0},
                {"MetricName": "OverdueJobs", **common, "Unit": "Count", "Value": 2.0},
            ],
        }
    ]


@pytest.mark.parametrize("event", [{"time": "2027-01-15T11:59:51Z"}, {}])
def test_an_event_without_a_time_is_one_of_now(event: dict[str, Any]) -> None:
    assert time_of(event) == DUE or datetime.now(UTC) - time_of(event) < MINUTE
