"""The autoscaler as a whole: its clock, its alarms and its listener."""

from async_endpoint.cloudwatch import MetricAlarm
from tests.autoscaling.fleet import DIMENSIONS, LOAD, PER_INSTANCE, START, Fleet


def test_a_long_pause_is_caught_up_minute_by_minute() -> None:
    fleet = Fleet(count=1)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=0))
    for minute in range(4):
        fleet.metrics.put(LOAD, 1, START + minute * 60)
    fleet.clock.advance(3 * 60 + 59)
    fleet.scaler.tick()
    assert fleet.endpoint.count == 4
    assert [activity["StartTime"] for activity in fleet.scaler.activities()] == [START + 180, START + 120, START + 60]
    fleet.scaler.tick()
    assert fleet.endpoint.count == 4


def test_skipped_minutes_are_not_caught_up() -> None:
    fleet = Fleet(count=1)
    fleet.alarm("busy", LOAD, fleet.step_policy(Cooldown=0))
    for minute in range(4):
        fleet.metrics.put(LOAD, 1, START + minute * 60)
    fleet.clock.advance(3 * 60)
    fleet.scaler.skip()
    fleet.scaler.tick()
    assert fleet.endpoint.count == 1
    fleet.clock.advance(60)
    fleet.scaler.tick()
    assert [activity["StartTime"] for activity in fleet.scaler.activities()] == [START + 240]


def test_an_alarm_is_not_evaluated_for_minutes_before_it_was_set_up() -> None:
    fleet = Fleet()
    fleet.metrics.put(LOAD, 1, START)
    fleet.clock.advance(150)
    fleet.alarm("busy", LOAD, fleet.step_policy())
    fleet.scaler.tick()
    assert fleet.described("busy")["StateReason"] == "Unchecked: Initial alarm creation"
    fleet.minutes(1)
    assert fleet.described("busy")["StateUpdatedTimestamp"] == START + 180


def test_an_alarm_begins_with_insufficient_data_and_keeps_its_state_when_it_is_put_again() -> None:
    fleet = Fleet()
    fleet.alarm("busy", LOAD)
    assert fleet.described("busy")["StateValue"] == "INSUFFICIENT_DATA"
    fleet.minutes(1)
    fleet.alarm("busy", LOAD, Threshold=7)
    alarm = fleet.described("busy")
    assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 7.0)
    assert alarm["AlarmArn"] == "arn:aws:cloudwatch:us-east-1:000000000000:alarm:busy"
    fleet.scaler.delete_alarms(["busy", "unknown"])
    assert fleet.scaler.alarms() == []


def test_the_same_run_gives_the_same_names() -> None:
    runs = []
    for _ in range(2):
        fleet = Fleet()
        fleet.recipe()
        fleet.minutes(*[9.0] * 5, key=PER_INSTANCE)
        runs.append((fleet.scaler.alarms(), fleet.scaler.activities()))
    assert runs[0] == runs[1]
    assert runs[0][1]


def test_the_callback_hears_every_change_of_state_with_its_reason() -> None:
    fleet = Fleet()
    fleet.scaler.put_alarm(
        MetricAlarm.from_members(
            {
                "AlarmName": "plain",
                "Namespace": PER_INSTANCE.namespace,
                "MetricName": PER_INSTANCE.name,
                "Dimensions": DIMENSIONS,
                "Statistic": "Maximum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 5,
                "ComparisonOperator": "GreaterThanThreshold",
                "AlarmActions": ["arn:aws:sns:us-east-1:000000000000:topic"],
            }
        )
    )
    fleet.minutes(6, 6, 6, key=PER_INSTANCE)
    assert fleet.transitions == [(60, "plain", "INSUFFICIENT_DATA", "ALARM")]
    assert fleet.reasons == [
        "Threshold Crossed: 1 datapoint [6.0 (15/01/27 08:00:00)] was greater than the threshold (5.0)."
    ]
