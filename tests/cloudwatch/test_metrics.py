import math
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.cloudwatch import Datapoint, Delayed, DelayRange, MetricKey, MetricStore, Publisher

KEY = MetricKey.from_dimensions("AWS/SageMaker", "CPUUtilization", {"EndpointName": "e", "VariantName": "v"})


def store_of(*samples: tuple[float, float]) -> MetricStore:
    store = MetricStore()
    for at, value in samples:
        store.put(KEY, value, at)
    return store


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("Average", 4.0), ("Sum", 12.0), ("Minimum", 1.0), ("Maximum", 9.0), ("SampleCount", 3.0)],
)
def test_each_statistic_of_a_period(statistic: str, expected: float) -> None:
    store = store_of((60, 1), (90, 2), (119.9, 9), (120, 100))
    assert store.periods(KEY, statistic, 60, 60, 120) == {60: expected}


def test_periods_are_aligned_to_the_epoch_and_hold_only_what_ended_before() -> None:
    store = store_of((0, 1), (299, 3), (300, 10), (600, 99))
    assert store.periods(KEY, "Sum", 300, 250, 600) == {0: 4.0, 300: 10.0}
    assert store.periods(KEY, "Sum", 300, 301, 599) == {300: 10.0}


def test_an_alarms_window_slides_by_the_minute() -> None:
    store = store_of((0, 1), (60, 2), (300, 4))
    assert store.window(KEY, "Sum", 300, 360, 1) == (Datapoint(60, 6.0),)
    assert store.window(KEY, "Sum", 60, 179, 2) == (Datapoint(0, 1.0), Datapoint(60, 2.0))
    assert store.window(KEY, "Sum", 60, 180, 2) == (Datapoint(60, 2.0), Datapoint(120, None))


def test_a_minute_arrives_with_its_statistic() -> None:
    late = MetricStore(delivery=Delayed({Publisher.VARIANT: DelayRange(90, 90)}))
    late.put(KEY, 4, 61)
    late.put(KEY, 3, 62)
    assert late.arriving(KEY, "Sum", 60) == (210, 7.0)
    assert late.arriving(KEY, "Maximum", 60) == (210, 4.0)
    nothing = (math.inf, None)
    assert late.arriving(KEY, "Sum", 0) == MetricStore().arriving(KEY, "Sum", 60) == nothing
    lost = MetricStore(delivery=Delayed({}, gaps=1.0))
    lost.put(KEY, 4, 61)
    assert lost.arriving(KEY, "Sum", 60) == nothing


def test_the_order_of_dimensions_does_not_matter_but_each_of_them_does() -> None:
    store = store_of((0, 1))
    swapped = MetricKey.from_dimensions("AWS/SageMaker", "CPUUtilization", {"VariantName": "v", "EndpointName": "e"})
    fewer = MetricKey.from_dimensions("AWS/SageMaker", "CPUUtilization", {"EndpointName": "e"})
    assert store.periods(swapped, "Sum", 60, 0, 60) == {0: 1.0}
    assert store.periods(fewer, "Sum", 60, 0, 60) == {}
    assert store.all_keys() == [KEY]


def test_a_statistic_set_counts_like_its_samples() -> None:
    store = store_of((0, 10))
    store.put_statistics(KEY, {"SampleCount": 3, "Sum": 6, "Minimum": 1, "Maximum": 3}, 30)
    read = {name: store.periods(KEY, name, 60, 0, 60)[0] for name in ("Average", "Minimum", "Maximum", "SampleCount")}
    assert read == {"Average": 4.0, "Minimum": 1.0, "Maximum": 10.0, "SampleCount": 4.0}


def test_memory_is_bounded_by_the_retention() -> None:
    store = MetricStore(retention_seconds=600)
    for second in range(0, 36_000, 7):
        store.put(KEY, 1.0, second)
    held = store.periods(KEY, "SampleCount", 60, 0, 36_000)
    assert len(held) == 10
    assert min(held) == 35_940 - 540
    store.put(KEY, 1.0, 0)
    assert 0 not in store.periods(KEY, "SampleCount", 60, 0, 60)
    assert len(store._series[KEY].buckets) == 10


def test_a_period_or_statistic_that_is_not_kept_is_rejected() -> None:
    store = store_of((0, 1))
    with pytest.raises(ValueError, match="take a multiple of 60"):
        store.periods(KEY, "Sum", 10, 0, 60)
    with pytest.raises(ValueError, match="no statistic 'p99'"):
        store.window(KEY, "p99", 60, 60, 1)


@given(
    samples=st.lists(st.tuples(st.integers(0, 3_600), st.integers(-50, 50)), max_size=60),
    period=st.sampled_from([60, 120, 300]),
)
def test_periods_say_what_the_samples_say(samples: list[tuple[int, int]], period: int) -> None:
    store = store_of(*samples)
    expected: dict[int, list[int]] = defaultdict(list)
    for at, value in samples:
        expected[at // period * period].append(value)
    assert store.periods(KEY, "Sum", period, 0, 3_900) == {at: sum(expected[at]) for at in sorted(expected)}
    assert store.periods(KEY, "Maximum", period, 0, 3_900) == {at: max(expected[at]) for at in sorted(expected)}
    averages = store.periods(KEY, "Average", period, 0, 3_900)
    assert all(math.isclose(averages[at], sum(found) / len(found)) for at, found in expected.items())
