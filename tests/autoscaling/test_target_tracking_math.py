"""Target tracking on metric math: which metrics a policy may name, what its alarms are on, and how it scales."""

import json
from typing import Any

import pytest

from async_endpoint.autoscaling import AutoScaler, TargetTrackingPolicy, ValidationException
from async_endpoint.cloudwatch import MetricKey
from tests.autoscaling.fleet import KEY, LOAD, TARGET, Fleet

WORKERS = MetricKey.from_dimensions("Tests", "Workers", {"Pool": "a"})


def stat(query_id: str, key: MetricKey = LOAD, **more: object) -> dict[str, object]:
    dimensions = [{"Name": name, "Value": value} for name, value in sorted(key.dimensions)]
    metric = {"Namespace": key.namespace, "MetricName": key.name, "Dimensions": dimensions}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Stat": "Average"}, "ReturnData": False, **more}


EACH: tuple[dict[str, object], ...] = (
    {"Id": "each", "Expression": "load / workers", "Label": "load of each", "ReturnData": True},
    stat("load"),
    stat("workers", WORKERS),
)


def configuration(*queries: dict[str, object], **more: object) -> dict[str, object]:
    return {"TargetValue": 5.0, "CustomizedMetricSpecification": {"Metrics": list(queries), **more}}


def policy_of(*queries: dict[str, object], **more: object) -> TargetTrackingPolicy:
    return TargetTrackingPolicy.from_members(configuration(*queries, **more), KEY)


def put(fleet: Fleet, name: str, *queries: dict[str, object]) -> None:
    fleet.scaler.put_scaling_policy(
        **TARGET,
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration(*queries),
    )


def tracking(*queries: dict[str, object], count: int = 1) -> Fleet:
    fleet = Fleet(count=count)
    put(fleet, "track", *queries)
    return fleet


def described(fleet: Fleet) -> dict[str, Any]:
    (policy,) = fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    found: dict[str, Any] = policy["TargetTrackingScalingPolicyConfiguration"]
    return found


def minutes(fleet: Fleet, *pairs: tuple[float, float | None]) -> None:
    """A minute of each pair of load and workers; None publishes no workers."""
    for load, workers in pairs:
        if workers is not None:
            fleet.metrics.put(WORKERS, workers, fleet.clock.now())
        fleet.minutes(load)


def test_it_scales_out_by_the_result() -> None:
    fleet = tracking(*EACH)
    minutes(fleet, *[(20, 2)] * 3)
    # Ten for each worker is twice the target.
    assert fleet.endpoint.changes == [(180, 2)]
    assert "AlarmHigh" in fleet.scaler.activities()[0]["Cause"]


def test_it_scales_in_by_the_result() -> None:
    fleet = tracking(*EACH, count=4)
    minutes(fleet, *[(5, 2)] * 15)
    assert fleet.endpoint.changes == [(900, 2)]


@pytest.mark.parametrize("workers", [None, 0])
def test_without_a_result_it_scales_nothing(workers: float | None) -> None:
    fleet = tracking(*EACH)
    minutes(fleet, *[(20, workers)] * 5)
    assert fleet.endpoint.changes == []


def test_one_metric_needs_no_expression() -> None:
    fleet = tracking({"Id": "load", "MetricStat": stat("load")["MetricStat"]})
    fleet.minutes(10, 10, 10)
    assert fleet.endpoint.changes == [(180, 2)]


def test_both_alarms_are_on_the_metrics_by_the_minute() -> None:
    fleet = tracking(*EACH)
    for alarm in fleet.scaler.alarms():
        each, load, workers = alarm["Metrics"]
        assert each == EACH[0]
        assert [query["MetricStat"]["Period"] for query in (load, workers)] == [60, 60]
        assert not {"MetricName", "Namespace", "Statistic", "Period", "Dimensions"} & alarm.keys()
    assert [alarm["Threshold"] for alarm in fleet.scaler.alarms()] == [5.0, 4.5]


def test_a_policy_is_described_with_the_metrics_that_were_given() -> None:
    unit = stat("workers", WORKERS)
    unit["MetricStat"] = {"Metric": {"Namespace": "Tests", "MetricName": "Workers"}, "Stat": "Sum", "Unit": "Count"}
    more = unit | {"Id": "more"}
    assert described(tracking(*EACH, more)) == configuration(*EACH, more)


def test_a_policy_continues_after_a_restart() -> None:
    fleet = tracking(*EACH)
    before = described(fleet)
    kept = json.loads(json.dumps(fleet.scaler.state()))
    fleet.scaler = AutoScaler(fleet.clock, fleet.metrics, fleet.endpoint)
    fleet.scaler.restore(kept)
    assert described(fleet) == before
    minutes(fleet, *[(20, 2)] * 3)
    assert fleet.endpoint.changes == [(180, 2)]


def test_a_target_has_one_policy_on_the_same_metrics() -> None:
    fleet = tracking(*EACH)
    turned = EACH[::-1]
    with pytest.raises(ValidationException, match="Only one TargetTrackingScaling policy for a given metric specific"):
        put(fleet, "again", *turned)
    put(fleet, "track", *turned)
    fleet.tracking_policy("plain", key=LOAD)
    product: dict[str, object] = {"Id": "each", "Expression": "load * workers"}
    put(fleet, "product", product, *EACH[1:])
    put(fleet, "other", *EACH[:2], stat("workers", MetricKey.from_dimensions("Tests", "Workers", {"Pool": "b"})))
    put(fleet, "whole", EACH[0] | {"ReturnData": False}, stat("load", ReturnData=True), EACH[2])
    assert len(fleet.scaler.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]) == 5


@pytest.mark.parametrize(
    ("queries", "why"),
    [
        ([stat("a")], "Exactly one element of the metrics list should return data"),
        ([stat("a", ReturnData=True), stat("b", ReturnData=True)], "Exactly one element"),
        ([stat("a"), {"Id": "a", "Expression": "1"}], "The Id 'a' is in Metrics twice"),
        ([stat("a"), {"Id": "r", "Expression": "a + z"}], "'r' refers to 'z', and no query has that Id"),
        ([stat("a"), {"Id": "r", "Expression": "r"}], "The expression of 'r' refers to itself"),
        ([stat("a"), {"Id": "r", "Expression": "AVG(a)"}], "recommends not to use AVG of a single series"),
        ([{"Id": "r", "Expression": "1"}], "at least one metric beside its expressions"),
        ([{"Id": "r"}], "The query r must have exactly one of Expression and MetricStat"),
        ([stat("r", Expression="1", ReturnData=True)], "The query r must have exactly one of Expression and MetricSt"),
        ([{"Id": "r", "MetricStat": {"Metric": {}, "Stat": "Sum"}}], "Metric must have a Namespace and a MetricName"),
        ([{"Id": "r", "MetricStat": {"Metric": {}, "Stat": "p90"}}], "The query 'r': statistic p90 cannot be used"),
    ],
)
def test_invalid_metrics_are_rejected(queries: list[dict[str, object]], why: str) -> None:
    with pytest.raises(ValidationException, match=why):
        policy_of(*queries)


@pytest.mark.parametrize("member", ["Namespace", "MetricName", "Statistic", "Unit", "Dimensions"])
def test_a_specification_names_one_metric_or_metrics_and_not_both(member: str) -> None:
    value = [{"Name": "Pool", "Value": "a"}] if member == "Dimensions" else "Sum"
    with pytest.raises(
        ValidationException, match=f"{member} and Metrics cannot be in one CustomizedMetricSpecification: give one"
    ):
        policy_of(*EACH, **{member: value})


def test_a_policy_may_change_from_one_metric_to_metrics() -> None:
    fleet = Fleet(count=1)
    fleet.tracking_policy(key=LOAD)
    names = [alarm["AlarmName"] for alarm in fleet.scaler.alarms()]
    put(fleet, "track", *EACH)
    assert [(alarm["AlarmName"], "Metrics" in alarm) for alarm in fleet.scaler.alarms()] == [
        (name, True) for name in names
    ]
