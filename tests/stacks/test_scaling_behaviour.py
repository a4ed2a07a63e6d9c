"""A template's policies and alarms scale a fleet: it wakes, works and sleeps, and cuts no request off."""

import os
from collections.abc import Iterator

import pytest
from aws_cdk.assertions import Template
from hypothesis import given, settings
from hypothesis import strategies as st

from async_endpoint.cloudwatch import MetricKey
from tests.stacks.scaled_fleet import INSTANCES, OF_VARIANT, TICK, Work, scaled
from tests.stacks.templates import TemplateWith, dev

TIMEOUT = dev().limits.invocation_timeout_seconds  # that dev allows one request
HOUR = 3600
MINUTE = 60
# Patterns of traffic per preset; the suite runs a quarter of those of the full sweep.
PATTERNS = 1_000 if os.environ.get("ASYNC_ENDPOINT_SWEEP") == "full" else 250


@pytest.fixture(scope="module")
def by_aws(endpoint_with: TemplateWith) -> Template:
    return endpoint_with(scaling__preset="aws")


@pytest.fixture(scope="module")
def for_four(endpoint_with: TemplateWith) -> Template:
    return endpoint_with(scaling__max_instances=4)


@pytest.fixture(scope="module", params=["responsive", "aws"])
def by_each(endpoint_with: TemplateWith, request: pytest.FixtureRequest) -> Template:
    """Either preset, with up to four instances."""
    return endpoint_with(scaling__max_instances=4, scaling__preset=request.param)


@pytest.mark.parametrize("second", [0, 10, 30, 50])
@pytest.mark.parametrize(("waiting", "wanted"), [(1, 1), (5, 1), (6, 2), (20, 4), (100, 4)])
def test_it_wakes_within_two_minutes_with_as_many_as_the_backlog_wants(
    for_four: Template, second: int, waiting: int, wanted: int
) -> None:
    fleet = scaled(for_four, most=4)
    appears = 600 + second
    changes = Work(fleet, [appears] * waiting, 60, backlog_counts_running=True).run(appears + 121)
    at, count = changes[0]
    assert count == wanted
    assert at - appears <= 60


def test_awss_preset_wakes_one_as_soon(by_aws: Template) -> None:
    changes = Work(scaled(by_aws), [630.0] * 20, 60, backlog_counts_running=True).run(780)
    assert changes == [(660, 1)]


@pytest.mark.parametrize("backlog_counts_running", [True, False])
@pytest.mark.parametrize("cpu_at_work", [90, 1], ids=["busy processor", "idle processor"])
def test_no_request_is_cut_off_under_either_reading_of_the_backlog(
    by_each: Template, *, backlog_counts_running: bool, cpu_at_work: float
) -> None:
    """The longest that a request may take, at a time when nothing else ends; even if it does not show in the use."""
    fleet = scaled(by_each, most=4)
    arrivals = [float(at) for at in range(0, 6 * HOUR, HOUR // 2) for _ in range(3)]
    count = len(arrivals)
    work = Work(fleet, arrivals, TIMEOUT - 1, backlog_counts_running, cpu_at_work)
    work.run(9 * HOUR)
    assert (work.lost, len(work.ended), work.waiting) == (0, count, 0)


@settings(max_examples=PATTERNS)
@given(
    bursts=st.lists(st.tuples(st.integers(0, 30 * 60), st.integers(1, 12)), min_size=1, max_size=6),
    seconds=st.integers(1, TIMEOUT - 1),
    backlog_counts_running=st.booleans(),
    cpu_at_work=st.sampled_from([1.0, 90.0]),
)
def test_no_request_of_any_traffic_is_cut_off(
    by_each: Template, *, bursts: list[tuple[int, int]], seconds: int, backlog_counts_running: bool, cpu_at_work: float
) -> None:
    """Patterns of bursts, under both readings of the backlog, whether or not work shows in the utilization."""
    arrivals = sorted(float(at) for at, count in bursts for _ in range(count))
    total = len(arrivals)
    work = Work(scaled(by_each, most=4), arrivals, seconds, backlog_counts_running, cpu_at_work)
    for _ in range(15):
        work.run(5 * MINUTE, every=30)
        if work.is_over:
            break
    assert (work.lost, len(work.ended) + len(work.running) + work.waiting) == (0, total)


@pytest.mark.parametrize("backlog_counts_running", [True, False])
def test_it_sleeps_when_no_request_can_be_in_work_any_more(for_four: Template, *, backlog_counts_running: bool) -> None:
    fleet = scaled(for_four, most=4)
    work = Work(fleet, [60.0] * 20, 30, backlog_counts_running)
    changes = work.run(2 * HOUR)
    assert [count for _, count in changes] == [4, 0]
    asleep = changes[-1][0] - work.ended[-1]
    assert TIMEOUT + 60 <= asleep <= TIMEOUT + 180


def test_the_alarm_that_stopped_them_recovers_by_itself(for_four: Template) -> None:
    """It has no datapoint any more once the minutes of the instance are out of its range."""
    fleet = scaled(for_four, most=4)
    Work(fleet, [60.0], 30, backlog_counts_running=True).run(HOUR)
    states = {str(alarm["AlarmName"])[:17]: alarm["StateValue"] for alarm in fleet.scaler.alarms()}
    assert fleet.endpoint.count == 0
    assert states["ScalingSleepAlarm"] == "INSUFFICIENT_DATA"


def test_background_work_keeps_an_instance_awake(for_four: Template) -> None:
    """The alarm on instances without work reports it."""
    fleet = scaled(for_four, most=4)
    work = Work(fleet, [60.0], 30, backlog_counts_running=True)

    def busy(now: float) -> Iterator[tuple[MetricKey, float]]:
        yield from work.publish(now)
        if fleet.endpoint.count:
            yield MetricKey.from_dimensions(INSTANCES, "CPUUtilization", OF_VARIANT), 85

    fleet.run(2 * HOUR, busy, every=TICK)
    assert fleet.endpoint.count == 1


def test_a_day_of_bursts_is_read_and_slept_away(for_four: Template) -> None:
    fleet = scaled(for_four, most=4)
    arrivals = [float(start + second) for start in range(0, 24 * HOUR, 6 * HOUR) for second in range(0, 3000, 10)]
    total = len(arrivals)
    work = Work(fleet, arrivals, 20, backlog_counts_running=False)
    changes = work.run(24 * HOUR)
    assert (work.lost, len(work.ended)) == (0, total)
    assert [count for _, count in changes if count == 0] == [0] * 4
    assert fleet.endpoint.count == 0
