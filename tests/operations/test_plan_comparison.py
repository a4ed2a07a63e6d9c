"""What happened, from jobs and measurements, in the terms of a plan."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from async_endpoint.operations.jobs.cost import Measurement, Period
from async_endpoint.operations.plan_comparison import Observed, calibration, observe
from async_endpoint.protocol import JobRecord, JobState

BEGIN = 1_799_020_800  # a midnight
PERIOD = Period(BEGIN, BEGIN + 3_600)


def time(seconds: float) -> str:
    return datetime.fromtimestamp(BEGIN + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def job(name: str, came: float | None, ended: float | None, state: JobState = JobState.COMPLETED) -> JobRecord:
    return JobRecord(
        job_id=name,
        state=state,
        received_at=None if came is None else time(came),
        submitted_at=time((came or 0) + 1),
        ended_at=None if ended is None else time(ended),
    )


def minutes(*numbers: int, instances: int = 1) -> Iterable[Measurement]:
    return [Measurement(BEGIN + 60 * number, 60, 60 * instances) for number in numbers]


def seen(jobs: Iterable[JobRecord], measured: Iterable[Measurement] = ()) -> Observed:
    return observe(PERIOD, jobs, measured)


def test_documents_of_the_period_are_counted_by_state_and_by_their_time_until_the_outcome() -> None:
    observed = seen(
        [
            job("later", 100, 130),
            job("first", 10, 30),
            job("failed", 20, 90, JobState.FAILED),
            job("open", 3_590, None, JobState.SUBMITTED),
            job("before", -1, 50),
            job("after", 3_600, 3_700),
        ]
    )
    assert [at - BEGIN for at in observed.arrivals] == [10, 20, 100, 3_590]
    assert list(observed.turnarounds) == [20, 30]
    assert observed.states == {JobState.COMPLETED: 2, JobState.FAILED: 1, JobState.SUBMITTED: 1}
    traffic = observed.traffic()
    assert (traffic.begins_at, traffic.seconds, list(traffic.arrivals)) == (BEGIN, 3_600, [10, 20, 100, 3_590])


def test_a_job_that_was_submitted_directly_arrived_when_it_was_submitted() -> None:
    observed = seen([job("direct", None, 61)])
    assert [at - BEGIN for at in observed.arrivals] == [1]
    assert list(observed.turnarounds) == [60]


def test_instances_are_those_that_reported() -> None:
    observed = seen([], [*minutes(2, 3), *minutes(10, instances=2), *minutes(-1, 60)])
    assert observed.instance_seconds == 240
    assert observed.awake == pytest.approx(3 / 60)


def test_a_wake_lasts_from_the_first_document_without_an_instance_until_the_first_outcome() -> None:
    observed = seen(
        [
            job("wakes", 100, 415),
            job("follows", 150, 440),
            job("meets one", 500, 520),
            job("wakes again", 2_000, 2_250),
        ],
        minutes(6, 7, 8, 9, 36, 37),
    )
    assert list(observed.wakes) == [315, 250]


@pytest.mark.parametrize(
    ("came", "measured"),
    [(100, (0, 1, 2, 3)), (250, (0, 1, 2, 3, 5, 6)), (30, (20, 21))],
    ids=["awake since the beginning", "one minute was not reported", "its outcome came before"],
)
def test_what_met_an_instance_is_no_wake(came: float, measured: tuple[int, ...]) -> None:
    observed = seen([job("a", came, came + 130)], minutes(*measured))
    assert list(observed.wakes) == []


def test_the_calibration_has_what_was_measured_and_says_what_was_not() -> None:
    jobs = [job(str(at), at, at + took) for at, took in ((100, 315), (1_000, 250), (2_000, 260))]
    awake = minutes(6, 7, 20, 21, 37, 38)
    measured = calibration(seen(jobs, awake), "p50=2,p95=3,p99=4", wakes_on_submit=True)
    assert measured.splitlines() == [
        "[plan]",
        'service_seconds = "p50=2,p95=3,p99=4"',
        'start_seconds = "260"  # the median of 3 wakes, one request each',
    ]
    assert "# start_seconds: alarms wake" in calibration(seen(jobs, awake), None, wakes_on_submit=False)
    unknown = calibration(seen([]), None, wakes_on_submit=True)
    assert "nothing was woken" in unknown
    assert "no ModelLatency" in unknown
