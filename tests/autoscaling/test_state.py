"""An autoscaler that goes on from another's state does what that one would have done."""

import json
from collections.abc import Iterator

import pytest

from async_endpoint.autoscaling import AutoScaler
from async_endpoint.cloudwatch import MetricKey, MetricStore
from tests.autoscaling.fleet import LOAD, PER_INSTANCE, START, TARGET, WAITING, Fleet, step

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
            fleet.scaler = AutoScaler(fleet.clock, fleet.metrics, fleet.endpoint, on_alarm_state=fleet._note)
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


@pytest.mark.parametrize("minute", range(1, MINUTES))
def test_nor_does_one_while_instances_come_up(minute: int) -> None:
    slowly = [day(Fleet(most=4, busy_for=150), interrupted_at=at) for at in (None, minute)]
    assert [count for _, count in slowly[0][0]][:2] == [1, 4]  # type: ignore[attr-defined]
    assert slowly[1][0] == slowly[0][0]
    assert slowly[1][2:] == slowly[0][2:]


def resumed(fleet: Fleet, **changes: object) -> Fleet:
    """Another fleet that goes on from this one's state."""
    other = Fleet()
    other.scaler = AutoScaler(other.clock, other.metrics, other.endpoint)
    other.scaler.restore(json.loads(json.dumps(fleet.scaler.state() | changes)))
    return other


def restart(fleet: Fleet) -> None:
    """Have the same endpoint scaled by another that goes on from the state."""
    kept = fleet.scaler.state()
    fleet.scaler = AutoScaler(fleet.clock, fleet.metrics, fleet.endpoint)
    fleet.scaler.restore(json.loads(json.dumps(kept)))


def growing() -> Fleet:
    """A fleet that has been growing from one instance to two for a minute, of four that it takes."""
    fleet = Fleet(count=1, busy_for=230)
    fleet.alarm("busy", LOAD, fleet.step_policy())
    fleet.minutes(1, 0)
    return fleet


def newest(fleet: Fleet) -> tuple[str, str, float | None]:
    activity = fleet.scaler.activities()[0]
    return activity["StatusCode"], activity["StatusMessage"], activity.get("EndTime")


def test_a_manual_change_out_of_the_bounds_is_left_alone_afterwards() -> None:
    fleet = Fleet(count=1, least=1)
    fleet.endpoint.count = 0
    restart(fleet)
    fleet.minutes(None, None)
    assert fleet.endpoint.changes == []


def test_bounds_that_had_to_wait_are_enforced_afterwards() -> None:
    fleet = Fleet(count=1)
    fleet.endpoint.busy_until = START + 90
    fleet.scaler.register_scalable_target(**TARGET, MinCapacity=3)
    restart(fleet)
    fleet.minutes(None, None)
    assert [count for _, count in fleet.endpoint.changes] == [3]


def test_a_change_under_way_ends_afterwards_and_its_cooldown_begins_then() -> None:
    fleet = growing()
    restart(fleet)
    (activity,) = fleet.scaler.activities()
    assert activity["StatusCode"] == "InProgress"
    fleet.minutes(1, 1, 1)
    fulfilled = "Successfully set desired instance count to 2. Change successfully fulfilled by sagemaker."
    assert newest(fleet) == ("Successful", fulfilled, START + 300)
    assert fleet.endpoint.changes == [(60, 2)]
    fleet.minutes(*[1.0] * 5)
    assert fleet.endpoint.changes == [(60, 2), (600, 3)]


def test_instances_that_do_not_come_back_make_a_failure_of_it() -> None:
    fleet = growing()
    restart(fleet)
    fleet.endpoint.trouble = "no capacity"
    fleet.minutes(0, 0, 0)
    failed = "Failed to set desired instance count to 2. Reason: no capacity"
    assert newest(fleet) == ("Failed", failed, START + 300)
    fleet.minutes(1)
    assert fleet.endpoint.changes == [(60, 2), (360, 2)]  # without a cooldown


def test_a_change_under_way_that_another_has_replaced_was_overridden() -> None:
    fleet = growing()
    restart(fleet)
    fleet.endpoint.count = 5
    fleet.minutes(0, 0, 0)
    waiting = "Successfully set desired instance count to 2. Waiting for change to be fulfilled by sagemaker."
    assert newest(fleet) == ("Overridden", waiting, START + 300)


def test_a_change_that_waits_for_capacity_waits_on_after_a_restart_and_ends_unfulfilled() -> None:
    fleet = growing()
    fleet.endpoint.is_short = True
    restart(fleet)
    fleet.minutes(0)
    assert newest(fleet)[0] == "InProgress"
    fleet.minutes(0, 0)
    assert (newest(fleet)[0], newest(fleet)[2]) == ("Unfulfilled", START + 300)
    assert fleet.scaler.state()["cooldowns"] == []


def test_a_change_under_way_on_an_endpoint_that_is_gone_has_failed() -> None:
    fleet = growing()
    restart(fleet)
    fleet.endpoint.exists = False
    fleet.minutes(0)
    assert newest(fleet)[1].endswith("Reason: Could not find endpoint of endpoint/reader/variant/main.")


def test_a_second_restart_continues_a_change() -> None:
    fleet = growing()
    restart(fleet)
    restart(fleet)
    fleet.minutes(0, 0, 0)
    assert newest(fleet)[0] == "Successful"


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


def test_a_change_whose_activity_is_kept_no_more_is_forgotten() -> None:
    fleet = growing()
    other = resumed(fleet, activities=[])
    other.minutes(None)
    assert other.scaler.activities() == []
