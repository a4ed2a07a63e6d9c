"""Scaling by bounds and by the states of alarms."""

from tests.autoscaling.fleet import LOAD, START, TARGET, Fleet


def test_registering_brings_the_count_within_the_bounds() -> None:
    below, above = Fleet(count=0, least=2, most=4), Fleet(count=9, least=2, most=4)
    assert (below.endpoint.count, above.endpoint.count) == (2, 4)
    assert [fleet.scaler.activities()[0]["Cause"] for fleet in (below, above)] == [
        "minimum capacity was set to 2",
        "maximum capacity was set to 4",
    ]


def test_bounds_wait_for_an_endpoint_that_is_updating() -> None:
    fleet = Fleet(count=1)
    fleet.endpoint.busy_until = START + 90
    fleet.scaler.register_scalable_target(**TARGET, MinCapacity=3)
    assert fleet.endpoint.changes == []
    fleet.clock.advance(90)
    fleet.scaler.tick()
    assert fleet.endpoint.changes == [(90, 3)]


def test_a_manual_change_out_of_the_bounds_is_left_alone() -> None:
    fleet = Fleet(count=1, least=1)
    fleet.endpoint.count = 0
    fleet.minutes(1, 1, 1)
    assert fleet.endpoint.changes == []


def test_an_alarm_scales_at_the_next_full_minute_and_again_each_minute_it_lasts() -> None:
    fleet = Fleet(count=1)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=0))
    fleet.minutes(1, 1, 1, 0, 0)
    assert fleet.endpoint.changes == [(60, 2), (120, 3), (180, 4)]
    assert fleet.transitions == [(60, "busy", "INSUFFICIENT_DATA", "ALARM"), (240, "busy", "ALARM", "OK")]


def test_nothing_scales_while_the_endpoint_is_updating() -> None:
    fleet = Fleet(busy_for=170)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=0))
    fleet.minutes(1, 1, 1, 1, 1)
    assert fleet.endpoint.changes == [(60, 1), (240, 2)]


def test_an_alarm_whose_actions_are_switched_off_scales_nothing() -> None:
    fleet = Fleet()
    fleet.alarm("busy", LOAD, fleet.step_policy(), ActionsEnabled=False)
    fleet.minutes(1, 1)
    assert fleet.described("busy")["StateValue"] == "ALARM"
    assert fleet.endpoint.changes == []


def test_an_endpoint_that_is_gone_stops_nothing() -> None:
    fleet = Fleet(busy_for=60)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=0))
    fleet.minutes(1)
    fleet.endpoint.exists = False
    fleet.minutes(1, 1)
    (activity,) = fleet.scaler.activities()
    assert activity["StatusCode"] == "Failed"
