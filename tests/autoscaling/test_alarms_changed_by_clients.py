"""What a client does to an alarm: sets its state, deletes it, switches its actions off."""

import json

import pytest

from async_endpoint.autoscaling import AutoScaler
from async_endpoint.cloudwatch.alarms import State
from tests.autoscaling.fleet import LOAD, OTHER, PER_INSTANCE, START, TARGET, Fleet, step

ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"


def own(fleet: Fleet, which: str, policy: str = "track") -> str:
    """The name of a tracking policy's AlarmHigh or AlarmLow."""
    (found,) = fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=[policy])[
        "ScalingPolicies"
    ]
    (name,) = [alarm["AlarmName"] for alarm in found["Alarms"] if which in alarm["AlarmName"]]
    return str(name)


def listed(fleet: Fleet) -> list[dict[str, str]]:
    (policy,) = fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    alarms: list[dict[str, str]] = policy["Alarms"]
    return alarms


def stepping(**members: object) -> Fleet:
    """A fleet of one instance: one more from 1 of LOAD, three more from 11."""
    fleet = Fleet(count=1, most=9)
    fleet.alarm("busy", LOAD, fleet.step_policy("wake", [step(1, 0, 10), step(3, 10)], **members))
    return fleet


def test_a_deleted_own_alarm_neither_scales_nor_is_listed_until_its_policy_is_put_again() -> None:
    fleet = Fleet(count=1)
    fleet.tracking_policy(key=LOAD)
    high, low = own(fleet, "High"), own(fleet, "Low")
    fleet.scaler.own_alarm_changed(high, exists=False, actions_enabled=True)
    assert listed(fleet) == [{"AlarmName": low, "AlarmARN": ARN + low}]
    assert fleet.scaler.own_alarms() == [low]
    assert [alarm["AlarmName"] for alarm in fleet.scaler.alarms()] == [low]
    fleet.minutes(*[9.0] * 4)
    assert fleet.endpoint.changes == []
    fleet.tracking_policy(key=LOAD)
    assert sorted(fleet.scaler.own_alarms()) == sorted([high, low])
    fleet.minutes(9.0)
    assert fleet.endpoint.changes == [(300, 2)]


def test_a_deleted_own_alarm_is_still_deleted_after_an_interruption() -> None:
    fleet = Fleet(count=1)
    fleet.tracking_policy(key=LOAD)
    low = own(fleet, "Low")
    fleet.scaler.own_alarm_changed(own(fleet, "High"), exists=False, actions_enabled=True)
    kept = json.loads(json.dumps(fleet.scaler.state()))
    fleet.scaler = AutoScaler(fleet.clock, fleet.metrics, fleet.endpoint)
    fleet.scaler.restore(kept)
    assert fleet.scaler.own_alarms() == [low]
    fleet.minutes(*[9.0] * 4)
    assert fleet.endpoint.changes == []


def test_an_own_alarm_whose_actions_are_off_shows_its_state_and_scales_nothing() -> None:
    fleet = Fleet(count=1)
    fleet.tracking_policy(key=LOAD)
    high = own(fleet, "High")
    fleet.scaler.own_alarm_changed(high, exists=True, actions_enabled=False)
    assert fleet.described(high)["ActionsEnabled"] is False
    assert len(listed(fleet)) == 2
    fleet.minutes(*[9.0] * 4)
    assert fleet.described(high)["StateValue"] == "ALARM"
    assert fleet.endpoint.changes == []
    fleet.scaler.own_alarm_changed(high, exists=True, actions_enabled=True)
    fleet.minutes(9.0)
    assert fleet.endpoint.changes == [(300, 2)]


def test_a_policy_that_is_put_again_switches_its_alarms_actions_on() -> None:
    fleet = Fleet(count=1)
    fleet.tracking_policy(key=LOAD)
    high = own(fleet, "High")
    fleet.scaler.own_alarm_changed(high, exists=True, actions_enabled=False)
    fleet.tracking_policy(key=LOAD)
    assert fleet.described(high)["ActionsEnabled"] is True


def test_an_alarm_low_that_is_gone_scales_nothing_in_and_agrees_to_nothing() -> None:
    fleet = Fleet(count=4)
    fleet.tracking_policy("one", key=LOAD)
    fleet.tracking_policy("two", key=OTHER)
    fleet.scaler.own_alarm_changed(own(fleet, "Low", "two"), exists=False, actions_enabled=True)
    for _ in range(20):
        fleet.metrics.put(OTHER, 0, fleet.clock.now())
        fleet.minutes(0.0)
    assert fleet.endpoint.changes == []


@pytest.mark.parametrize("exists", [True, False])
def test_alarms_that_are_not_its_own_are_ignored(*, exists: bool) -> None:
    fleet = stepping()
    fleet.scaler.own_alarm_changed("busy", exists=exists, actions_enabled=False)
    fleet.scaler.own_alarm_changed("nobody", exists=exists, actions_enabled=False)
    assert fleet.described("busy")["ActionsEnabled"] is True


def test_an_alarm_that_comes_back_by_itself_is_not_watched() -> None:
    fleet = Fleet()
    fleet.tracking_policy(key=LOAD)
    high = own(fleet, "High")
    fleet.scaler.own_alarm_changed(high, exists=False, actions_enabled=True)
    fleet.scaler.own_alarm_changed(high, exists=True, actions_enabled=True)
    assert high not in fleet.scaler.own_alarms()


@pytest.mark.parametrize(
    ("values", "changes"),
    [([1.0], [(0, 2)]), ([11.0], [(0, 4)]), ([12.0, 1.0], [(0, 2)]), ([0.0, 11.0], [(0, 4)]), ([0.0], []), ([], [])],
)
def test_an_invoked_alarm_scales_by_the_values_given(values: list[float], changes: list[tuple[int, int]]) -> None:
    fleet = stepping()
    fleet.set_off("busy", values)
    assert fleet.endpoint.changes == changes


def test_an_invoked_alarm_scales_at_once_and_once() -> None:
    fleet = stepping(Cooldown=0)
    fleet.clock.advance(17)
    fleet.set_off("busy", [1])
    fleet.minutes(0, 0)
    assert fleet.endpoint.changes == [(17, 2)]
    (activity,) = fleet.scaler.activities()
    assert activity["Cause"] == "monitor alarm busy in state ALARM triggered policy wake"
    assert activity["StartTime"] == START + 17


def test_cooldowns_and_bounds_hold_for_an_invoked_alarm() -> None:
    fleet = stepping()
    fleet.set_off("busy", [1])
    fleet.set_off("busy", [1])
    assert fleet.endpoint.changes == [(0, 2)]
    fleet.clock.advance(300)
    fleet.scaler.register_scalable_target(**TARGET, MaxCapacity=3)
    fleet.set_off("busy", [50])
    assert fleet.endpoint.changes == [(0, 2), (300, 3)]


def test_a_change_that_has_just_ended_is_closed_before_another_begins() -> None:
    fleet = stepping(Cooldown=0)
    fleet.endpoint.busy_for = 30
    fleet.set_off("busy", [1])
    fleet.set_off("busy", [1])  # the endpoint is updating
    fleet.clock.advance(30)
    fleet.set_off("busy", [1])
    assert fleet.endpoint.changes == [(0, 2), (30, 3)]
    newest, oldest = fleet.scaler.activities()
    assert (newest["StatusCode"], oldest["StatusCode"]) == ("InProgress", "Successful")


def test_an_invoked_alarm_without_actions_does_nothing() -> None:
    fleet = stepping()
    fleet.alarm("off", LOAD, fleet.step_policy("off"), ActionsEnabled=False)
    fleet.alarm("calm", LOAD, None, OKActions=[fleet.step_policy("calm")])
    for name in ("off", "calm", "nobody"):
        fleet.set_off(name, [1])
    assert fleet.endpoint.changes == []


def test_invoked_target_tracking_takes_the_newest_value() -> None:
    fleet = Fleet(count=2, most=9)
    fleet.tracking_policy(target=5, key=LOAD)
    fleet.set_off(own(fleet, "High"), [100.0, 6.0, 15.0])
    assert fleet.endpoint.changes == [(0, 6)]


def test_an_invoked_alarm_low_needs_the_others_to_agree() -> None:
    fleet = Fleet(count=4)
    fleet.tracking_policy("one", key=LOAD)
    fleet.set_off(own(fleet, "Low", "one"), [2.5])
    fleet.tracking_policy("two", key=OTHER)
    fleet.clock.advance(300)
    fleet.set_off(own(fleet, "Low", "one"), [0.0])
    assert fleet.endpoint.changes == [(0, 2)]


def set_state(fleet: Fleet, name: str, state: State, *values: object) -> None:
    fleet.scaler.set_alarm_state(name, state, "by hand", json.dumps({"recentDatapoints": values}))


def test_a_state_that_a_client_sets_lasts_until_the_next_evaluation() -> None:
    fleet = stepping()
    fleet.minutes(0)
    fleet.clock.advance(10)
    set_state(fleet, "busy", "ALARM", 0.0, 11.0)
    alarm = fleet.described("busy")
    assert (alarm["StateValue"], alarm["StateReason"]) == ("ALARM", "by hand")
    assert alarm["StateReasonData"] == '{"recentDatapoints": [0.0, 11.0]}'
    assert alarm["StateTransitionedTimestamp"] == START + 70
    assert fleet.transitions[1:] == [(70, "busy", "OK", "ALARM")]
    assert fleet.endpoint.changes == [(70, 4)]
    fleet.metrics.put(LOAD, 0, fleet.clock.now())
    fleet.minutes(None)
    assert fleet.described("busy")["StateValue"] == "OK"
    assert fleet.endpoint.changes == [(70, 4)]


def test_a_state_that_is_set_again_changes_the_reason_and_invokes_nothing() -> None:
    fleet = stepping(Cooldown=0)
    set_state(fleet, "busy", "ALARM", 1)
    fleet.clock.advance(10)
    fleet.scaler.set_alarm_state("busy", "ALARM", "once more", '{"recentDatapoints": [2]}')
    alarm = fleet.described("busy")
    assert (alarm["StateReason"], alarm["StateTransitionedTimestamp"]) == ("once more", START)
    assert alarm["StateReasonData"] == '{"recentDatapoints": [2]}'
    assert len(fleet.transitions) == 1
    assert fleet.endpoint.changes == [(0, 2)]


@pytest.mark.parametrize(
    "data",
    [
        None,
        "",
        "not JSON",
        "[" * 100_000,
        "[11]",
        "{}",
        '{"recentDatapoints": 11}',
        '{"recentDatapoints": ["11", null, true, NaN, Infinity]}',
        f'{{"recentDatapoints": [1{"0" * 400}]}}',
    ],
    ids=lambda data: str(data)[:40],
)
def test_data_without_values_asks_for_nothing(data: str | None) -> None:
    fleet = stepping()
    fleet.tracking_policy(key=LOAD)
    for name in ("busy", own(fleet, "High")):
        fleet.scaler.set_alarm_state(name, "ALARM", "by hand", data)
        assert fleet.described(name)["StateValue"] == "ALARM"
    assert fleet.endpoint.changes == []


def test_the_actions_of_another_state_are_invoked_too() -> None:
    fleet = Fleet(count=1)
    policy = fleet.step_policy(steps=[step(-1, None, 0), step(1, 0)])
    fleet.alarm("calm", LOAD, None, OKActions=[policy], Threshold=5)
    set_state(fleet, "calm", "OK", 1.0)
    assert fleet.endpoint.changes == [(0, 0)]


def hourly() -> Fleet:
    """A fleet of one instance whose alarm is evaluated at its first minute and then at every hour."""
    fleet = Fleet(count=1, most=9)
    policy = fleet.step_policy(Cooldown=0)
    fleet.alarm("slow", LOAD, policy, Period=3600, EvaluationPeriods=25, DatapointsToAlarm=1)
    return fleet


def test_a_set_state_of_an_alarm_that_is_evaluated_hourly_scales_once() -> None:
    fleet = hourly()
    fleet.minutes(0, None)
    set_state(fleet, "slow", "ALARM", 1)
    fleet.minutes(None, None)
    assert fleet.endpoint.changes == [(120, 2)]
    assert fleet.described("slow")["StateValue"] == "ALARM"


def test_a_state_that_is_set_ends_the_scaling_of_the_one_before() -> None:
    fleet = hourly()
    fleet.minutes(1, None)
    set_state(fleet, "slow", "OK", 0)
    fleet.minutes(None, None)
    assert fleet.endpoint.changes == [(60, 2), (120, 3)]


def test_the_state_of_an_unknown_alarm_is_ignored() -> None:
    fleet = Fleet()
    set_state(fleet, "nobody", "ALARM", 1)
    assert fleet.scaler.alarms() == []


def test_a_set_alarm_low_counts_as_agreed() -> None:
    fleet = Fleet(count=4)
    fleet.tracking_policy("one", key=PER_INSTANCE)
    fleet.tracking_policy("two", key=OTHER)
    set_state(fleet, own(fleet, "Low", "one"), "ALARM", 0)
    assert fleet.endpoint.changes == []
    set_state(fleet, own(fleet, "Low", "two"), "ALARM", 2.5)
    assert fleet.endpoint.changes == [(0, 2)]
