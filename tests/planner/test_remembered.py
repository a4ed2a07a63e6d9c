"""Remembered windows are those that the query itself gives, and an alarm that is called calm does not go off."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from async_endpoint.cloudwatch import (
    MINUTE,
    Delayed,
    DelayRange,
    EvaluationRules,
    MetricAlarm,
    MetricKey,
    MetricStore,
    Publisher,
    evaluate,
)
from async_endpoint.planner.remembered import RememberedQuery, calm_until

BEGIN = 1_800_000_000
RULES = EvaluationRules()
QUEUE = MetricKey.from_dimensions("AWS/SageMaker", "ApproximateBacklogSize", {"EndpointName": "e"})
CPU = MetricKey.from_dimensions("/aws/sagemaker/Endpoints", "CPUUtilization", {"EndpointName": "e"})
values = st.lists(st.sampled_from([None, 0.0, 1.0, 1.0, 1.0]), min_size=25, max_size=60)


def stat(name: str, key: MetricKey) -> dict[str, object]:
    dimensions = [{"Name": name, "Value": value} for name, value in key.dimensions]
    metric = {"Namespace": key.namespace, "MetricName": key.name, "Dimensions": dimensions}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}, "ReturnData": False}


def alarm(required: int, periods: int, missing: str) -> MetricAlarm:
    return MetricAlarm.from_members(
        {
            "AlarmName": "a",
            "Metrics": [{"Id": "both", "Expression": "a * 1 + b"}, stat("a", QUEUE), stat("b", CPU)],
            "EvaluationPeriods": periods,
            "DatapointsToAlarm": required,
            "Threshold": 2,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": missing,
        }
    )


def test_late_datapoints_leave_an_alarm_calm_for_which_all_must_breach() -> None:
    """Without this, a fleet whose metrics are late would be looked at in every minute."""
    store = MetricStore(delivery=Delayed(dict.fromkeys(Publisher, DelayRange(170, 170)), 0.0, 0))
    tested = alarm(3, 3, "missing")
    query = RememberedQuery(tested.query, store, 8, RULES)
    now = BEGIN + 20 * MINUTE
    assert calm_until(tested, query, now, RULES.extra_datapoints) == now  # no datapoint at all
    for minute in range(20):
        store.put(QUEUE, 0, BEGIN + minute * MINUTE)
        store.put(CPU, 0, BEGIN + minute * MINUTE)
    query.forget()
    # None of the newest three has arrived; the fourth does not breach.
    assert [query.value(now - back * MINUTE, now) for back in (1, 2, 3, 4)] == [None, None, None, 0.0]
    assert calm_until(tested, query, now, RULES.extra_datapoints) == now
    for minute in range(20):
        store.put(QUEUE, 2, BEGIN + minute * MINUTE)
    query.forget()
    assert calm_until(tested, query, now, RULES.extra_datapoints) < now


@settings(max_examples=150)
@given(
    queue=values,
    cpu=values,
    periods=st.integers(1, 6),
    share=st.floats(0, 1),
    missing=st.sampled_from(["missing", "notBreaching", "ignore", "breaching"]),
    seed=st.integers(0, 99),
)
def test_a_calm_alarm_stays_out_of_alarm(
    queue: list[float | None], cpu: list[float | None], periods: int, share: float, missing: str, seed: int
) -> None:
    store = MetricStore(delivery=Delayed(dict.fromkeys(Publisher, DelayRange(0, 150)), 0.1, seed))
    for key, series in ((QUEUE, queue), (CPU, cpu)):
        for minute, value in enumerate(series):
            if value is not None:
                store.put(key, value, BEGIN + minute * MINUTE)
    tested = alarm(max(1, round(share * periods)), periods, missing)
    count = periods + RULES.extra_datapoints
    query = RememberedQuery(tested.query, store, count + 3, RULES)
    for now in range(BEGIN + MINUTE, BEGIN + 25 * MINUTE, MINUTE):
        calm = calm_until(tested, query, now, RULES.extra_datapoints)
        for later in range(now, int(calm) + 1 if math.isfinite(calm) else now, MINUTE):
            assert evaluate(tested, store, later, "OK", RULES).state != "ALARM"
        if now % 180:  # at some boundaries nobody asks
            plain = tested.query.datapoints(store, now, count, RULES)
            assert query.datapoints(store, now, count, RULES) == plain
