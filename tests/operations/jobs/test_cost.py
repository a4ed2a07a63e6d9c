"""How instance seconds are divided among jobs."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.operations.jobs.cost import Measurement, Period, cost_of
from async_endpoint.protocol import Attempt, JobRecord, JobState, utc_timestamp

HOUR = Period(0, 3600)


def text(at: float) -> str:
    return utc_timestamp(datetime.fromtimestamp(at, UTC))


def job(job_id: str, ended: float, *, submitted: float | None = 0, state: JobState = JobState.COMPLETED) -> JobRecord:
    return JobRecord(
        job_id=job_id,
        state=state,
        submitted_at=None if submitted is None else text(submitted),
        ended_at=text(ended),
    )


def minutes(*numbers: int, instances: int = 1) -> list[Measurement]:
    return [Measurement(60 * number, 60, 60 * instances) for number in numbers]


@given(
    counts=st.dictionaries(st.integers(-3, 70), st.integers(1, 999)),
    ends=st.lists(st.floats(-300, 4500), max_size=12),
)
def test_the_shares_add_up_to_the_measured_seconds(counts: dict[int, int], ends: list[float]) -> None:
    measured = [Measurement(60 * minute, 60, count) for minute, count in counts.items()]
    cost = cost_of(HOUR, measured, [job(str(number), end) for number, end in enumerate(ends)])

    expected = sum(count for minute, count in counts.items() if 0 <= minute < 60)
    assert sum(cost.shares.values()) + cost.unassigned == cost.total == expected
    assert 0 <= cost.idle <= cost.total
    assert 0 <= cost.covered <= 1


def test_a_span_is_divided_equally_and_a_gap_ends_it() -> None:
    measured = [*minutes(0, 1), *minutes(10, instances=2), *minutes(20)]
    cost = cost_of(HOUR, measured, [job("a", 30), job("b", 119), job("c", 630)])

    assert cost.shares == {"a": 60, "b": 60, "c": 120}
    assert cost.unassigned == 60
    assert cost.covered == 4 / 60


def test_what_is_not_divisible_goes_to_the_earlier_ones() -> None:
    ended = [job(str(number), number) for number in range(7)]
    assert list(cost_of(HOUR, minutes(0), ended).shares.values()) == [9, 9, 9, 9, 8, 8, 8]


def test_what_never_reached_the_model_costs_nothing() -> None:
    never = [
        job("rejected", 10, submitted=None, state=JobState.FAILED),
        job("expired", 10, state=JobState.EXPIRED),
        job("cancelled", 10, state=JobState.CANCELLED),
    ]
    cost = cost_of(HOUR, minutes(0), [*never, job("failed", 20, state=JobState.FAILED)])
    assert cost.shares == {"failed": 60}


def test_each_attempt_counts() -> None:
    first = Attempt(number=1, state=JobState.FAILED, submitted_at=text(0), ended_at=text(5))
    twice = JobRecord(
        job_id="twice",
        state=JobState.COMPLETED,
        attempt=2,
        submitted_at=text(10),
        ended_at=text(20),
        other_attempts=(first,),
    )
    cost = cost_of(HOUR, minutes(0), [twice, job("once", 30)])
    assert cost.shares == {"twice": 40, "once": 20}
    assert cost.attempts == 3


def test_idle_is_what_no_attempt_was_at_the_endpoint_for() -> None:
    waiting = JobRecord(job_id="b", state=JobState.SUBMITTED, submitted_at=text(240))
    cost = cost_of(HOUR, minutes(0, 1, 2, 3, 4), [job("a", 100, submitted=70), waiting])
    assert cost.idle == 180
