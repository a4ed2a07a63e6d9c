"""An autoscaler that goes on from another's state does what that one would have done."""

import json
from collections.abc import Iterator

import pytest

from async_endpoint.scaling import AutoScaler, MetricKey, MetricStore
from tests.unit.scaling.fleet import PER_INSTANCE, TARGET, WAITING, Fleet

MINUTES = 45


def day(fleet: Fleet, *, interrupted_at: int | None = None) -> list[object]:
    """A burst that comes and goes; returns what was done and how the alarms stand at the end."""
    fleet.recipe()
    fleet.scaler.put_scheduled_action(
        **TARGET,
        ScheduledActionName="warm",
        Schedule="cron(40 8 * * ? *)",
        ScalableTargetAction={"MinCapacity": 2},
    )

    def publish(now: float) -> Iterator[tuple[MetricKey, float]]:
        waiting = 20 if 120 <= now < 900 else 0
        running = fleet.endpoint.count
        yield WAITING, float(waiting > 0 and running == 0)
        if running:
            yield PER_INSTANCE, waiting / running

    for minute in range(MINUTES):
        if minute == interrupted_at:
            kept = json.loads(json.dumps([fleet.scaler.state(), fleet.metrics.state()]))
            fleet.metrics = MetricStore()
            fleet.scaler = AutoScaler(fleet.clock, fleet.metrics, fleet.endpoint, fleet._note)
            fleet.scaler.restore(kept[0])
            fleet.metrics.restore(kept[1])
        fleet.run(60, publish, every=10)
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in fleet.scaler.alarms()}
    causes = [
        (activity["Cause"], activity["StartTime"], activity["StatusCode"]) for activity in fleet.scaler.activities()
    ]
    return [fleet.endpoint.changes, fleet.transitions, states, causes]


@pytest.fixture(scope="module")
def undisturbed() -> list[object]:
    return day(Fleet(most=4))


def test_there_is_something_to_go_on_with(undisturbed: list[object]) -> None:
    # Two minutes of waiting wake one; three above the target make four; at 08:40 the minimum is two; the quarter of
    # an hour without a backlog ends later than the test.
    assert [count for _, count in undisturbed[0]][:2] == [1, 4]  # type: ignore[attr-defined]


@pytest.mark.parametrize("minute", range(1, MINUTES))
def test_an_interruption_at_any_minute_changes_nothing(undisturbed: list[object], minute: int) -> None:
    interrupted = day(Fleet(most=4), interrupted_at=minute)
    names = {name for _, name, *_ in undisturbed[1]}  # type: ignore[attr-defined]
    assert interrupted[0] == undisturbed[0]
    assert interrupted[2:] == undisturbed[2:]
    assert {name for _, name, *_ in interrupted[1]} == names  # type: ignore[attr-defined]
