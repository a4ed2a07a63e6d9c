"""What happened over time agrees with the requests themselves, counted one by one."""

import math
from array import array
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from async_endpoint.planner import History, Simulation, Stage, Traffic
from async_endpoint.planner.history import bucket_width, steps_within
from tests.planner.stages import arriving, conditions, documented, endpoint, function, stage, step, target
from tests.planner.test_simulation import random_traffic, sleepy

HOUR = 3_600


def history_of(planned: Stage, traffic: Traffic, service: float = 1, **members: Any) -> History:
    simulation = Simulation(planned, traffic, conditions(service, **members))
    simulation.run()
    return simulation.history()


def counted(history: History, begin: float, end: float) -> int:
    """The most that waited at a moment of a span, by looking at every request at every moment at which one arrives."""
    left = [*history.left, *[math.inf] * (len(history.arrivals) - len(history.left))]
    moments = [begin, *(arrival for arrival in history.arrivals if begin <= arrival < end)]
    return max(
        sum(arrival <= at < leaves for arrival, leaves in zip(history.arrivals, left, strict=True)) for at in moments
    )


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_the_most_that_wait_are_those_of_a_count_of_every_request(seed: int) -> None:
    history = history_of(sleepy(wakes=bool(seed % 2)), random_traffic(seed, 6), service=40, seed=seed)
    buckets = list(history.buckets(0, 6 * HOUR, 900))
    assert [each.most_waiting for each in buckets] == [counted(history, each.begin, each.end) for each in buckets]
    assert sum(each.arrived for each in buckets) == len(history.arrivals)


def test_buckets_follow_one_another_and_the_last_one_ends_with_the_span() -> None:
    history = history_of(stage(endpoint()), arriving(0, 10, seconds=3 * HOUR))
    assert [(each.begin, each.end) for each in history.buckets(0, 2.5 * HOUR, HOUR)] == [
        (0, HOUR), (HOUR, 2 * HOUR), (2 * HOUR, 2.5 * HOUR),
    ]  # fmt: skip


def test_waits_belong_to_the_bucket_in_which_their_requests_arrive() -> None:
    # One instance, ten seconds a request: of three at 3,599 s two begin in the next hour.
    history = history_of(stage(endpoint()), arriving(3_599, 3_599, 3_599, 2 * HOUR, seconds=4 * HOUR), service=10)
    first, second, third, fourth = history.buckets(0, 4 * HOUR, HOUR)
    assert (first.arrived, first.most_waiting, first.most_waiting_at, first.p50, first.p95) == (3, 2, 3_599, 10, 20)
    assert (second.arrived, second.most_waiting, second.most_waiting_at) == (0, 2, HOUR)
    assert math.isnan(second.p50)
    assert math.isnan(second.p95)
    assert (third.arrived, third.most_waiting, third.p95) == (1, 0, 0)
    assert (fourth.arrived, fourth.most_waiting) == (0, 0)


def test_the_percentiles_of_the_whole_are_those_of_the_outcome() -> None:
    simulation = Simulation(sleepy(wakes=True), random_traffic(5, 24), conditions(30))
    outcome = simulation.run()
    (whole,) = simulation.history().buckets(0, 24 * HOUR, 24 * HOUR)
    assert (whole.p50, whole.p95) == outcome.wait_percentiles(50, 95)
    assert whole.p95 > 0


def test_expired_requests_wait_until_they_expire_and_have_no_wait() -> None:
    never_wakes = stage(endpoint(), target(), step("Wake", "NoSuchMetric", 1))
    history = history_of(never_wakes, arriving(0, 100, seconds=12 * HOUR))
    six_hours, later = history.buckets(0, 12 * HOUR, 6 * HOUR)
    assert (six_hours.most_waiting, six_hours.most_waiting_at) == (2, 100)
    assert math.isnan(six_hours.p95)
    assert later.most_waiting == 1  # the second one, for a hundred seconds


def test_requests_that_never_leave_wait_to_the_end() -> None:
    admitted = stage(endpoint(), target(), function(ADMISSION="true"))
    *_, last = history_of(admitted, arriving(0, 100, seconds=12 * HOUR)).buckets(0, 12 * HOUR, HOUR)
    assert (last.arrived, last.most_waiting) == (0, 2)


def test_instances_are_desired_when_they_are_launched_and_serve_when_they_have_started() -> None:
    """The timeline of the documentation's recipe: see test_simulation.py."""
    history = history_of(stage(documented()), arriving(*[600.0] * 10_000, seconds=3 * HOUR))
    assert history.desired == ((0, 0), (720, 1), (1_140, 4), (4_680, 0))
    assert history.in_service == ((0, 0), (960, 1), (1_380, 2), (1_380, 3), (1_380, 4), (4_680, 0))
    counts = [each.most_in_service for each in history.buckets(0, 3 * HOUR, HOUR)]
    assert counts == [4, 4, 0]


def test_a_span_begins_with_what_is_there_already() -> None:
    changes = [(0.0, 1), (10.0, 2), (10.0, 3), (20.0, 0)]
    assert steps_within(changes, 0, 10) == [(0, 1)]
    assert steps_within(changes, 10, 20) == [(10, 3)]
    assert steps_within(changes, 5, 30) == [(5, 1), (10, 2), (10, 3), (20, 0)]


def test_the_busiest_day_has_the_most_arrivals() -> None:
    day = 24 * HOUR
    busy = [day + minute * 60.0 for minute in range(5)]
    history = history_of(stage(endpoint()), arriving(0, *busy, 2 * day, seconds=3 * day))
    assert history.busiest_day() == day


@pytest.mark.parametrize(
    ("seconds", "width"), [(HOUR, 60), (24 * HOUR, 120), (30 * 24 * HOUR, HOUR), (400 * 24 * HOUR, 12 * HOUR)]
)
def test_a_span_has_some_hundred_buckets(seconds: int, width: int) -> None:
    assert bucket_width(seconds, 800) == width


def test_a_history_costs_no_copy_of_the_requests() -> None:
    traffic = arriving(0, 1, seconds=HOUR)
    history = history_of(stage(endpoint()), traffic)
    assert history.arrivals is traffic.arrivals
    assert isinstance(history.left, array)
