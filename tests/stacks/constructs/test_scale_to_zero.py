"""Two well-known mistakes leave an endpoint asleep for ever: another metric's name, and one dimension too many."""

from itertools import pairwise, product
from typing import Any, Literal

import pytest
from aws_cdk.assertions import Template

from async_endpoint.cloudwatch import EvaluationRules
from async_endpoint.cloudwatch.metric_math_parser import parse
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from async_endpoint.protocol import WAKE_NAMESPACE
from tests.aws.recorder import metrics_of as recorded_metrics
from tests.stacks.templates import (
    JsonObject,
    TemplateWith,
    alarm_expression,
    alarm_metrics,
    by_id_prefix,
    id_of,
    only,
    properties,
    waits_for,
)

POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
ALARM = "AWS::CloudWatch::Alarm"
FILLS: tuple[Literal["missing", "value"], ...] = ("missing", "value")
SCALARS: tuple[Literal["missing", "zero"], ...] = ("missing", "zero")
SIGNS_OF_SLEEP = {
    "nocap": ("AWS/SageMaker", "HasBacklogWithoutCapacity", ["EndpointName"], "Maximum"),
    "held": ("AsyncEndpoint", "WakeAlarmHeld", ["EndpointName"], "Minimum"),
}


@pytest.fixture(scope="module")
def by_aws(endpoint_with: TemplateWith) -> Template:
    """The preset with AWS's recipe."""
    return endpoint_with(scaling__preset="aws")


def configuration_of(template: Template, policy: str) -> JsonObject:
    """The step scaling configuration of a policy."""
    found: JsonObject = by_id_prefix(template, POLICY, policy)["Properties"]["StepScalingPolicyConfiguration"]
    return found


def test_dev_runs_on_none_to_two_instances(endpoint: Template) -> None:
    target = properties(endpoint, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 2)


def test_the_target_names_the_variant_of_the_config(endpoint: Template) -> None:
    (variant,) = properties(endpoint, "AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    resource_id = properties(endpoint, "AWS::ApplicationAutoScaling::ScalableTarget")["ResourceId"]
    assert resource_id["Fn::Join"][1][-1] == f"/variant/{variant['VariantName']}"


def test_it_tracks_the_backlog_of_each_instance_and_stops_none(by_aws: Template) -> None:
    policy = by_id_prefix(by_aws, POLICY, "ScalingBacklogPolicy")["Properties"]
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    metric = tracking["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["MetricName"]) == ("AWS/SageMaker", "ApproximateBacklogSizePerInstance")
    assert [each["Name"] for each in metric["Dimensions"]] == ["EndpointName"]
    assert (tracking["TargetValue"], tracking["DisableScaleIn"]) == (5, True)


def test_waking_adds_one_instance(by_aws: Template) -> None:
    assert configuration_of(by_aws, "ScalingWakePolicy") == {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Maximum",
        "Cooldown": 900,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    }


def test_waiting_requests_without_an_instance_wake_it(by_aws: Template) -> None:
    alarm = by_id_prefix(by_aws, ALARM, "ScalingWakeAlarm")["Properties"]
    assert alarm_expression(alarm) == "MIN([nocap, held])"
    assert alarm_metrics(alarm) == SIGNS_OF_SLEEP
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (1, 8, 1)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == [{"Ref": id_of(by_aws, POLICY, "ScalingWakePolicy")}]


def test_scaling_waits_for_the_endpoint(endpoint: Template, by_aws: Template) -> None:
    for template in (endpoint, by_aws):
        endpoint_id, _ = only(template, "AWS::SageMaker::Endpoint")
        target_id, _ = only(template, "AWS::ApplicationAutoScaling::ScalableTarget")
        policies = template.find_resources(POLICY)
        assert endpoint_id in waits_for(template, target_id)
        assert len(policies) == 3
        assert all(target_id in waits_for(template, each) for each in policies)


# -- the responsive preset, which dev has ---------------------------------------------------------------------------


def test_both_presets_track_and_sleep_alike(endpoint: Template, by_aws: Template) -> None:
    alike = ((POLICY, "ScalingBacklogPolicy"), (POLICY, "ScalingSleepPolicy"), (ALARM, "ScalingSleepAlarm"))
    for kind, prefix in alike:
        assert by_id_prefix(by_aws, kind, prefix) == by_id_prefix(endpoint, kind, prefix)


def test_waking_adds_what_waits_wants_and_can_shrink_no_fleet(endpoint: Template) -> None:
    alarm = by_id_prefix(endpoint, ALARM, "ScalingWakeAlarm")["Properties"]
    assert alarm_expression(alarm) == "MIN([nocap, held]) * MAX([nocap, backlog])"
    assert alarm_metrics(alarm) == {
        **SIGNS_OF_SLEEP,
        "backlog": ("AWS/SageMaker", "ApproximateBacklogSize", ["EndpointName"], "Maximum"),
    }
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (1, 8, 1)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == [{"Ref": id_of(endpoint, POLICY, "ScalingWakePolicy")}]
    policy = configuration_of(endpoint, "ScalingWakePolicy")
    assert (policy["AdjustmentType"], policy["MetricAggregationType"]) == ("ChangeInCapacity", "Maximum")
    assert policy["StepAdjustments"] == [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 5, "ScalingAdjustment": 1},  # a backlog of 1 to 5
        {"MetricIntervalLowerBound": 5, "ScalingAdjustment": 2},
    ]


@pytest.mark.parametrize(("most", "share"), [(1, 5), (3, 1), (20, 7), (21, 5), (1000, 4)])
def test_the_steps_give_each_backlog_enough_instances_and_are_no_more_than_aws_takes(
    endpoint_with: TemplateWith, most: int, share: int
) -> None:
    template = endpoint_with(scaling__max_instances=most, scaling__backlog_per_instance=share)
    steps = configuration_of(template, "ScalingWakePolicy")["StepAdjustments"]
    assert len(steps) <= 20
    assert steps[0]["MetricIntervalLowerBound"] == 0
    assert "MetricIntervalUpperBound" not in steps[-1]
    for before, after in pairwise(steps):
        assert before["MetricIntervalUpperBound"] == after["MetricIntervalLowerBound"]
    for backlog in range(1, (most + 2) * share):
        above = backlog - 1  # the alarm's threshold
        (taken,) = (each for each in steps if _holds(each, above))
        wanted = min(most, -(-backlog // share))
        assert wanted <= taken["ScalingAdjustment"] <= (wanted if most <= 20 else min(most, wanted + most // 20 + 1))


def _holds(step: JsonObject, above: int) -> bool:
    return bool(step["MetricIntervalLowerBound"] <= above < step.get("MetricIntervalUpperBound", float("inf")))


@pytest.mark.parametrize(
    ("batch", "load", "minutes"), [(300, 240, 16), (1679, 241, 61), (1, 1, 2), (20, 20, 3)]
)  # the time for one request (a batch ahead, a load, its own batch, the delay), and the minute before
def test_sleeping_needs_idle_minutes_longer_than_a_request_may_take(
    endpoint_with: TemplateWith, batch: int, load: int, minutes: int
) -> None:
    template = endpoint_with(serving__timeout_seconds=batch, serving__load_timeout_seconds=load)
    alarm = by_id_prefix(template, ALARM, "ScalingSleepAlarm")["Properties"]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (minutes, minutes)


def test_sleeping_takes_all_instances_and_only_in_known_idle_minutes(endpoint: Template) -> None:
    alarm = by_id_prefix(endpoint, ALARM, "ScalingSleepAlarm")["Properties"]
    assert alarm["TreatMissingData"] == "missing"
    assert alarm["AlarmActions"] == [{"Ref": id_of(endpoint, POLICY, "ScalingSleepPolicy")}]
    policy = configuration_of(endpoint, "ScalingSleepPolicy")
    assert (policy["AdjustmentType"], policy["MetricAggregationType"]) == ("ExactCapacity", "Minimum")
    assert policy["StepAdjustments"] == [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 0}]


def test_an_alarm_of_scaling_has_no_more_metrics_than_cloudwatch_takes(endpoint: Template) -> None:
    """CloudWatch user guide: a math expression of an alarm includes as many as 10 metrics."""
    for alarm in endpoint.find_resources(ALARM).values():
        assert len([query for query in alarm["Properties"].get("Metrics", []) if "MetricStat" in query]) <= 10


def test_no_alarm_fills_what_has_not_arrived_or_reduces_a_series_to_a_number(
    endpoint: Template, by_aws: Template
) -> None:
    """CloudWatch user guide, "Using metric math": a late metric would always end with the filler."""
    for template in (endpoint, by_aws):
        for alarm in template.find_resources(ALARM).values():
            parsed = alarm_from_settings({"AlarmName": "a", **_plain(alarm["Properties"])})
            assert "FILL" not in str(parsed.query.describe())


def _plain(value: Any) -> Any:
    match value:
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::Join": _} | {"Fn::GetStackOutput": _}:
            return "arn:resolved"
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
    return value


def test_scaling_that_is_off_leaves_no_trace(endpoint_with: TemplateWith) -> None:
    template = endpoint_with(scaling__enabled=False)
    template.resource_count_is("AWS::ApplicationAutoScaling::ScalableTarget", 0)
    template.resource_count_is(POLICY, 0)
    assert not [each for each in template.find_resources(ALARM) if each.startswith("Scaling")]


def test_a_recording_of_aws_holds_every_metric_that_scaling_goes_by(endpoint: Template, by_aws: Template) -> None:
    recorded = {
        (each.namespace, each.name, tuple(name for name, _ in each.dimensions)) for each in recorded_metrics("e", "v")
    }
    for template in (endpoint, by_aws):
        for name, alarm in template.find_resources(ALARM).items():
            if name.startswith("Scaling") and "Metrics" in alarm["Properties"]:
                for namespace, metric, dimensions, _ in alarm_metrics(alarm["Properties"]).values():
                    # The hold is our own, not AWS's.
                    assert namespace == WAKE_NAMESPACE or (namespace, metric, tuple(dimensions)) in recorded


@pytest.mark.parametrize("preset", ["responsive", "aws"])
def test_the_wake_alarm_leaves_out_the_minutes_that_a_direct_wake_holds(
    endpoint_with: TemplateWith, preset: str
) -> None:
    """Whatever the open rules of metric math: a held minute never breaches, any other does."""
    found = by_id_prefix(endpoint_with(scaling__preset=preset), ALARM, "ScalingWakeAlarm")["Properties"]
    expression = parse(alarm_expression(found))
    series: dict[str, tuple[float | None, ...]] = {
        "nocap": (1, 1, None, 0, None),
        "held": (None, 0, 0, 0, None),
        "backlog": (7, 7, 7, 7, 7),
    }
    for fill, scalar in product(FILLS, SCALARS):
        values = expression.values(series, 5, EvaluationRules(fill, scalar))
        assert [(value or 0) >= 1 for value in values] == [True, False, False, False, False]
