"""Datapoints arrive late, each publisher's at its own pace, out of order, and some never; a seed repeats it all."""

import pytest

from async_endpoint.autoscaling import AutoScaler
from async_endpoint.cloudwatch import (
    Delayed,
    DelayRange,
    EvaluationRules,
    MetricAlarm,
    MetricKey,
    MetricStore,
    Publisher,
    evaluate,
)
from tests.autoscaling.fleet import Fleet
from tests.cloudwatch.alarms import alarm_of

TEN = 1_795_341_600  # 22 November 2026, 10:00:00 UTC
QUEUE = MetricKey.from_dimensions("AWS/SageMaker", "ApproximateBacklogSize", {"EndpointName": "e"})
VARIANT = MetricKey.from_dimensions("AWS/SageMaker", "InvocationsProcessed", {"EndpointName": "e", "VariantName": "v"})
CPU = MetricKey.from_dimensions("/aws/sagemaker/Endpoints", "CPUUtilization", {"EndpointName": "e", "VariantName": "v"})
SQS = MetricKey.from_dimensions("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "q"})
FUNCTION = MetricKey.from_dimensions("AWS/Lambda", "Errors", {"FunctionName": "f"})
RULE = MetricKey.from_dimensions("AWS/Events", "FailedInvocations", {"RuleName": "r"})
OWN = MetricKey.from_dimensions("my/app", "Errors", {})


def test_each_publisher_has_a_delay_of_its_own_and_a_clients_metric_has_none() -> None:
    delays = {
        Publisher.QUEUE: 10,
        Publisher.VARIANT: 20,
        Publisher.INSTANCES: 30,
        Publisher.SQS: 40,
        Publisher.LAMBDA: 50,
        Publisher.EVENTS: 60,
    }
    delivery = Delayed({publisher: DelayRange(late, late) for publisher, late in delays.items()})
    behind = [delivery.arrival(key, TEN) for key in (QUEUE, VARIANT, CPU, SQS, FUNCTION, RULE, OWN)]
    assert behind == [TEN + 60 + late for late in (10, 20, 30, 40, 50, 60, 0)]


def test_a_publishers_metrics_of_one_minute_arrive_together_and_minutes_out_of_order() -> None:
    delivery = Delayed({Publisher.QUEUE: DelayRange(60, 150)}, seed=3)
    other = MetricKey.from_dimensions("AWS/SageMaker", "HasBacklogWithoutCapacity", {"EndpointName": "e"})
    minutes = [TEN + 60 * number for number in range(200)]
    arrivals = [delivery.arrival(QUEUE, minute) for minute in minutes]
    assert arrivals == [delivery.arrival(other, minute) for minute in minutes]
    assert arrivals == [Delayed({Publisher.QUEUE: DelayRange(60, 150)}, seed=3).arrival(QUEUE, at) for at in minutes]
    assert arrivals != [Delayed({Publisher.QUEUE: DelayRange(60, 150)}, seed=4).arrival(QUEUE, at) for at in minutes]
    assert arrivals != sorted(arrivals)  # type: ignore[type-var]  # none is missing without gaps


def test_gaps_are_a_share_of_each_metrics_datapoints() -> None:
    delivery = Delayed({}, gaps=0.03, seed=5)
    lost = {key: {minute for minute in range(10_000) if delivery.arrival(key, minute * 60) is None}
            for key in (QUEUE, CPU)}  # fmt: skip
    assert all(200 < len(minutes) < 400 for minutes in lost.values())
    assert lost[QUEUE] != lost[CPU]
    assert delivery.arrival(OWN, TEN) == TEN + 60


@pytest.mark.parametrize(("shortest", "longest"), [(-1, 5), (10, 5), (0, 3_601), (float("nan"), 5)])
def test_an_invalid_range_is_rejected(shortest: float, longest: float) -> None:
    with pytest.raises(ValueError, match="A delay is from 0 to 3600 seconds"):
        DelayRange(shortest, longest)


def test_a_reader_sees_a_minute_from_its_arrival_on_with_its_own_timestamp() -> None:
    store = MetricStore(delivery=Delayed({Publisher.QUEUE: DelayRange(90, 90)}))
    store.put(QUEUE, 4, TEN + 5)
    for seen_at, found in ((TEN + 149, {}), (TEN + 150, {TEN: 4.0})):
        assert store.periods(QUEUE, "Maximum", 60, TEN, TEN + 600, seen_at=seen_at) == found
    assert [point.value for point in store.window(QUEUE, "Maximum", 60, TEN + 120, 2)] == [None, None]
    assert [point.value for point in store.window(QUEUE, "Maximum", 60, TEN + 180, 3)] == [4, None, None]
    assert store.arrival(QUEUE, TEN) == TEN + 150
    assert store.arrival(QUEUE, TEN + 60) is None


def test_a_longer_period_holds_the_minutes_that_have_arrived() -> None:
    store = MetricStore(delivery=Delayed({Publisher.QUEUE: DelayRange(90, 90)}))
    for minute in range(5):
        store.put(QUEUE, 1, TEN + 60 * minute)
    assert store.window(QUEUE, "Sum", 300, TEN + 300, 1)[0].value == 3
    assert store.window(QUEUE, "Sum", 300, TEN + 360, 2)[1].value == 3


def late_alarm(**changes: object) -> MetricAlarm:
    return alarm_of(
        Namespace=QUEUE.namespace, MetricName=QUEUE.name, EvaluationPeriods=3, DatapointsToAlarm=3, **changes
    )


def test_late_minutes_are_missing_to_an_alarm_and_older_ones_take_their_place() -> None:
    """Documented: real datapoints are used before missing ones are filled, whatever the setting is."""
    store = MetricStore(delivery=Delayed({Publisher.QUEUE: DelayRange(120, 120)}))
    for minute in range(5):
        store.put(QUEUE, 1, TEN + 60 * minute)
    found = evaluate(late_alarm(TreatMissingData="notBreaching"), store, TEN + 300)
    assert (found.state, len(found.values)) == ("ALARM", 3)
    found = evaluate(
        late_alarm(TreatMissingData="notBreaching"), store, TEN + 300, rules=EvaluationRules(extra_datapoints=1)
    )
    assert found.state == "OK"


def test_an_alarm_may_be_late_to_leave_alarm_and_repeats_what_set_it_off_until_then() -> None:
    fleet = Fleet(count=5, rules=EvaluationRules(recovery_minutes=3))
    shrink = fleet.step_policy(steps=[{"MetricIntervalLowerBound": 0, "ScalingAdjustment": -1}], Cooldown=0)
    fleet.alarm("high", OWN, shrink)
    fleet.minutes(1, 0, 0, 0, 0, key=OWN)
    assert [(at, new) for at, _, _, new in fleet.transitions] == [(60, "ALARM"), (300, "OK")]
    assert [count for _, count in fleet.endpoint.changes] == [4, 3, 2, 1]


def test_alarms_of_the_autoscaler_go_by_the_rules_that_it_was_given() -> None:
    assert isinstance(Fleet().scaler, AutoScaler)
    counts = []
    for extra in (0, 5):
        fleet = Fleet(rules=EvaluationRules(extra_datapoints=extra))
        fleet.alarm("high", OWN, fleet.step_policy(), EvaluationPeriods=1, TreatMissingData="notBreaching")
        fleet.minutes(1, None, None, None, key=OWN)
        counts.append([new for _, _, _, new in fleet.transitions])
    assert counts == [["ALARM", "OK"], ["ALARM"]]
