"""EndpointMetrics: alarms and policies find a metric by its exact name and its exact dimensions, or not at all."""

import pytest

from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.server.metric_publisher import SharedMetricStore
from tests.emulator.fakes import START

ENDPOINT = frozenset({("EndpointName", "receipts")})
VARIANT = ENDPOINT | {("VariantName", "AllTraffic")}


@pytest.fixture
def store() -> SharedMetricStore:
    return SharedMetricStore()


@pytest.fixture
def metrics(store: SharedMetricStore) -> EndpointMetrics:
    return EndpointMetrics("receipts", "AllTraffic", store, ManualClock(START))


def values(store: SharedMetricStore) -> dict[MetricKey, float]:
    return {key: store.periods(key, "Sum", MINUTE, START, START + MINUTE)[int(START)] for key in store.all_keys()}


def test_a_sample_with_instances_running(metrics: EndpointMetrics, store: SharedMetricStore) -> None:
    metrics.sample(waiting=4, in_flight=2, instances=4, oldest_age=12.5)
    assert values(store) == {
        MetricKey("AWS/SageMaker", "ApproximateBacklogSize", ENDPOINT): 6.0,
        MetricKey("AWS/SageMaker", "ApproximateBacklogSizePerInstance", ENDPOINT): 1.5,
        MetricKey("AWS/SageMaker", "ApproximateAgeOfOldestRequest", ENDPOINT): 12.5,
        MetricKey("AWS/SageMaker", "HasBacklogWithoutCapacity", ENDPOINT): 0.0,
    }


@pytest.mark.parametrize(("backlog", "waiting"), [(3, 1.0), (0, 0.0)])
def test_a_sample_at_zero_instances_has_no_backlog_per_instance(
    metrics: EndpointMetrics, store: SharedMetricStore, backlog: int, waiting: float
) -> None:
    metrics.sample(waiting=backlog, in_flight=0, instances=0, oldest_age=0.0)
    assert values(store) == {
        MetricKey("AWS/SageMaker", "ApproximateBacklogSize", ENDPOINT): backlog,
        MetricKey("AWS/SageMaker", "ApproximateAgeOfOldestRequest", ENDPOINT): 0.0,
        MetricKey("AWS/SageMaker", "HasBacklogWithoutCapacity", ENDPOINT): waiting,
    }


def test_a_request_that_ends_with_the_last_instance_asks_for_no_other(
    metrics: EndpointMetrics, store: SharedMetricStore
) -> None:
    metrics.sample(waiting=0, in_flight=1, instances=0, oldest_age=0.0)
    assert values(store)[MetricKey("AWS/SageMaker", "HasBacklogWithoutCapacity", ENDPOINT)] == 0.0


def test_the_open_points_of_the_backlog_are_switches(store: SharedMetricStore) -> None:
    assumed = Assumptions(backlog="queued", backlog_per_instance_at_zero="backlog")
    metrics = EndpointMetrics("receipts", "AllTraffic", store, ManualClock(START), assumed)
    metrics.sample(waiting=4, in_flight=2, instances=0, oldest_age=0.0)
    found = values(store)
    assert found[MetricKey("AWS/SageMaker", "ApproximateBacklogSize", ENDPOINT)] == 4.0
    assert found[MetricKey("AWS/SageMaker", "ApproximateBacklogSizePerInstance", ENDPOINT)] == 4.0


def test_counts_and_durations_carry_the_variant_too(metrics: EndpointMetrics, store: SharedMetricStore) -> None:
    metrics.count("InvocationsProcessed")
    metrics.count("InvocationsProcessed")
    metrics.count("ModelLatency", 250.0)
    assert values(store) == {
        MetricKey("AWS/SageMaker", "InvocationsProcessed", VARIANT): 2.0,
        MetricKey("AWS/SageMaker", "ModelLatency", VARIANT): 250.0,
    }


def test_ages_are_in_milliseconds(metrics: EndpointMetrics) -> None:
    assert metrics.milliseconds_since(START - 1.5) == 1500.0
