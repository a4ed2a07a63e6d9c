"""An autoscaler that goes on from another's state does what that one would have done."""

import json
from collections.abc import Iterator

import pytest

from async_endpoint.scaling import AutoScaler, MetricKey, MetricStore
from tests.unit.scaling.fleet import LOAD, PER_INSTANCE, TARGET, WAITING, Fleet
from tests.unit.scaling.test_policies import step

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


def resumed(fleet: Fleet, **changes: object) -> Fleet:
    """Another fleet that goes on from this one's state."""
    other = Fleet()
    other.scaler = AutoScaler(other.clock, other.metrics, other.endpoint)
    other.scaler.restore(json.loads(json.dumps(fleet.scaler.state() | changes)))
    return other


def test_policies_and_actions_are_described_alike_afterwards() -> None:
    fleet = Fleet()
    fleet.tracking_policy()
    fleet.tracking_policy("still", key=LOAD, DisableScaleIn=True, ScaleInCooldown=0)
    steps = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [step(1, 0)]}
    fleet.scaler.put_scaling_policy(**TARGET, PolicyName="plain", StepScalingPolicyConfiguration=steps)
    fleet.scaler.put_scheduled_action(
        **TARGET,
        ScheduledActionName="warm",
        Schedule="rate(1 day)",
        ScalableTargetAction={"MinCapacity": 2},
        EndTime=fleet.clock.now(),
    )
    other = resumed(fleet)
    for described in ("describe_scaling_policies", "describe_scheduled_actions", "describe_scalable_targets"):
        answers = [getattr(one.scaler, described)(ServiceNamespace="sagemaker") for one in (fleet, other)]
        assert answers[0] == answers[1]


def test_a_scheduled_action_that_was_carried_out_was_not_interrupted() -> None:
    fleet = Fleet()
    fleet.scaler.put_scheduled_action(
        **TARGET, ScheduledActionName="warm", Schedule="rate(1 minute)", ScalableTargetAction={"MinCapacity": 0}
    )
    fleet.minutes(None)
    (activity,) = resumed(fleet).scaler.activities()
    assert activity["StatusCode"] == "Successful"
    assert [activity] == fleet.scaler.activities()


def test_activities_of_a_state_that_knew_capacities_alone_are_read() -> None:
    fleet = Fleet()
    kept = ["an-id", TARGET, 3, "a cause", 1.0]
    ended, under_way = [*kept, 2.0, "Successful", "Successfully set desired instance count to 3."], [*kept, None]
    newest, oldest = resumed(fleet, activities=[ended, [*under_way, "InProgress", ""]]).scaler.activities()
    assert (oldest["Description"], oldest["StatusCode"]) == ("Setting desired instance count to 3.", "Successful")
    assert newest["StatusMessage"] == ("Failed to set desired instance count to 3. Reason: The change was interrupted.")
