"""Each invocation of a function, and each call of a rule, is what AWS makes of it in CloudWatch."""

import pytest

from async_endpoint.clock import ManualClock
from async_endpoint.cloudwatch.metric_key import MINUTE, MetricKey
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.emulator.server.function_metrics import FunctionMetrics, Invocation
from tests.emulator.fakes import START


class World:
    """A region's functions, 1,000 minutes after START."""

    def __init__(self) -> None:
        self.store = MetricStore()
        self.metrics = FunctionMetrics(self.store, ManualClock(START + 1000 * MINUTE))

    def sums(self, namespace: str, name: str, dimension: str) -> dict[int, float]:
        """The Sum of each minute that has data, by the minute's number from START on."""
        key = MetricKey.from_dimensions(namespace, name, {dimension: "it"})
        found = self.store.periods(key, "Sum", MINUTE, START, START + 2000 * MINUTE)
        return {round((at - START) / MINUTE): value for at, value in found.items()}


@pytest.fixture
def world() -> World:
    return World()


def of_function(world: World, name: str) -> dict[int, float]:
    return world.sums("AWS/Lambda", name, "FunctionName")


def test_an_invocation_counts_when_it_began_and_has_an_error_or_none(world: World) -> None:
    world.metrics.record_invocation(Invocation("it", 0.0))
    world.metrics.record_invocation(Invocation("it", 2.0, failed=True))
    assert of_function(world, "Invocations") == {999: 1.0, 1000: 1.0}
    assert of_function(world, "Errors") == {999: 1.0, 1000: 0.0}
    assert of_function(world, "Throttles") == {999: 0.0, 1000: 0.0}
    assert of_function(world, "Duration") == {999: 2000.0, 1000: 0.0}


def test_a_long_invocation_counts_in_a_minute_that_is_not_published_yet(world: World) -> None:
    world.metrics.record_invocation(Invocation("it", 900.0, failed=True))
    assert of_function(world, "Errors") == {999: 1.0}


def test_a_throttled_invocation_is_no_invocation_and_no_error(world: World) -> None:
    world.metrics.record_invocation(Invocation("it", failed=True, throttled=True))
    assert of_function(world, "Throttles") == {1000: 1.0}
    assert of_function(world, "Invocations") == of_function(world, "Errors") == {}


def test_a_rules_failure_is_a_metric_only_when_there_is_one(world: World) -> None:
    world.metrics.record_target("it", failed=False)
    assert world.sums("AWS/Events", "FailedInvocations", "RuleName") == {}
    world.metrics.record_target("it", failed=True)
    assert world.sums("AWS/Events", "FailedInvocations", "RuleName") == {1000: 1.0}
    assert world.sums("AWS/Events", "Invocations", "RuleName") == {1000: 2.0}


def test_the_age_of_a_streams_record_is_in_milliseconds(world: World) -> None:
    world.metrics.record_iterator_age("it", 90.0)
    assert of_function(world, "IteratorAge") == {1000: 90_000.0}
