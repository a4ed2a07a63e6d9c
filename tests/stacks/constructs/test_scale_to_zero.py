"""Two well-known mistakes leave an endpoint asleep for ever: another metric's name, and one dimension too many."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from app import build_app
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from tests.aws.recorder import metrics_of as recorded_metrics
from tests.stacks.templates import JsonObject, by_id_prefix, dev, id_of, only, properties, waits_for

POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
ALARM = "AWS::CloudWatch::Alarm"


def with_scaling(artifacts: Path, **changed: object) -> Template:
    """The endpoint's template of dev with changes in [scaling], or of other tables if the name says so."""
    names = {name if "__" in name else f"scaling__{name}": value for name, value in changed.items()}
    return Template.from_stack(build_app(dev(**names), artifacts=artifacts).node.find_child("Endpoint"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def by_aws(artifacts: Path) -> Template:
    """The preset that is AWS's recipe."""
    return with_scaling(artifacts, preset="aws")


def metrics_of(alarm: JsonObject) -> dict[str, tuple[str, str, list[str], str]]:
    """Id → namespace, name, names of the dimensions and statistic of each metric that an alarm's expression has."""
    found = {}
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            metric, statistic = query["MetricStat"]["Metric"], query["MetricStat"]["Stat"]
            names = [each["Name"] for each in metric["Dimensions"]]
            found[query["Id"]] = (metric["Namespace"], metric["MetricName"], names, statistic)
            assert query["MetricStat"]["Period"] == 60
            assert query["ReturnData"] is False
    return found


def expression_of(alarm: JsonObject) -> str:
    (result,) = (query for query in alarm["Metrics"] if "Expression" in query)
    assert result["ReturnData"] is True
    return str(result["Expression"])


def endpoint_name(endpoint: Template) -> JsonObject:
    endpoint_id, _ = only(endpoint, "AWS::SageMaker::Endpoint")
    return {"Fn::GetAtt": [endpoint_id, "EndpointName"]}


def target_ref(endpoint: Template) -> JsonObject:
    return {"Ref": only(endpoint, "AWS::ApplicationAutoScaling::ScalableTarget")[0]}


def test_the_variant_runs_on_none_to_two_instances(endpoint: Template) -> None:
    assert properties(endpoint, "AWS::ApplicationAutoScaling::ScalableTarget") == {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": {"Fn::Join": ["", ["endpoint/", endpoint_name(endpoint), "/variant/AllTraffic"]]},
        "MinCapacity": 0,
        "MaxCapacity": 2,
    }


def test_the_target_names_the_variant_of_the_config(endpoint: Template) -> None:
    (variant,) = properties(endpoint, "AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    resource_id = properties(endpoint, "AWS::ApplicationAutoScaling::ScalableTarget")["ResourceId"]
    assert resource_id["Fn::Join"][1][-1] == f"/variant/{variant['VariantName']}"


def test_it_tracks_the_backlog_of_each_instance(by_aws: Template) -> None:
    assert by_id_prefix(by_aws, POLICY, "ScalingBacklogPolicy")["Properties"] == {
        "PolicyName": "backlog-per-instance",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": target_ref(by_aws),
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 5,
            "ScaleOutCooldown": 300,
            "ScaleInCooldown": 300,
            "DisableScaleIn": True,
            "CustomizedMetricSpecification": {
                "Namespace": "AWS/SageMaker",
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name(by_aws)}],
                "Statistic": "Average",
            },
        },
    }


def test_waking_adds_one_instance(by_aws: Template) -> None:
    assert by_id_prefix(by_aws, POLICY, "ScalingWakePolicy")["Properties"] == {
        "PolicyName": "wake-from-zero",
        "PolicyType": "StepScaling",
        "ScalingTargetId": target_ref(by_aws),
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Maximum",
            "Cooldown": 900,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    }


def test_waiting_requests_without_an_instance_wake_it(by_aws: Template) -> None:
    (wake_policy,) = (each for each in by_aws.find_resources(POLICY) if each.startswith("ScalingWakePolicy"))
    alarm = by_id_prefix(by_aws, ALARM, "ScalingWakeAlarm")["Properties"]
    assert alarm.pop("AlarmDescription")
    assert alarm == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name(by_aws)}],
        "Statistic": "Maximum",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1,
        "Period": 60,
        "EvaluationPeriods": 8,
        "DatapointsToAlarm": 1,
        "TreatMissingData": "notBreaching",
        "AlarmActions": [{"Ref": wake_policy}],
    }


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
    assert expression_of(alarm) == "nocap * MAX([nocap, backlog])"
    assert metrics_of(alarm) == {
        "nocap": ("AWS/SageMaker", "HasBacklogWithoutCapacity", ["EndpointName"], "Maximum"),
        "backlog": ("AWS/SageMaker", "ApproximateBacklogSize", ["EndpointName"], "Maximum"),
    }
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (1, 8, 1)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == [{"Ref": id_of(endpoint, POLICY, "ScalingWakePolicy")}]
    policy = by_id_prefix(endpoint, POLICY, "ScalingWakePolicy")["Properties"]["StepScalingPolicyConfiguration"]
    assert (policy["AdjustmentType"], policy["MetricAggregationType"]) == ("ChangeInCapacity", "Maximum")
    assert policy["StepAdjustments"] == [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 5, "ScalingAdjustment": 1},  # a backlog of 1 to 5
        {"MetricIntervalLowerBound": 5, "ScalingAdjustment": 2},
    ]


@pytest.mark.parametrize(("most", "share"), [(1, 5), (3, 1), (20, 7), (21, 5), (1000, 4)])
def test_the_steps_give_each_backlog_enough_instances_and_are_no_more_than_aws_takes(
    artifacts: Path, most: int, share: int
) -> None:
    template = with_scaling(artifacts, max_instances=most, backlog_per_instance=share)
    policy = by_id_prefix(template, POLICY, "ScalingWakePolicy")["Properties"]["StepScalingPolicyConfiguration"]
    steps = policy["StepAdjustments"]
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
    artifacts: Path, batch: int, load: int, minutes: int
) -> None:
    template = with_scaling(artifacts, serving__timeout_seconds=batch, serving__load_timeout_seconds=load)
    alarm = by_id_prefix(template, ALARM, "ScalingSleepAlarm")["Properties"]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (minutes, minutes)


SIGNS = "backlog + nocap + started + processed + failed + (cpu >= 80)"


def test_sleeping_counts_minutes_that_are_known_and_show_no_work(endpoint: Template) -> None:
    alarm = by_id_prefix(endpoint, ALARM, "ScalingSleepAlarm")["Properties"]
    signs = f"{SIGNS} + (gpu >= 20)"
    assert expression_of(alarm) == f"IF({signs} + backlog_known * cpu_known, ({signs}) == 0)"
    of_variant, instances = ["EndpointName", "VariantName"], "/aws/sagemaker/Endpoints"
    assert metrics_of(alarm) == {
        "backlog": ("AWS/SageMaker", "ApproximateBacklogSize", ["EndpointName"], "Maximum"),
        "nocap": ("AWS/SageMaker", "HasBacklogWithoutCapacity", ["EndpointName"], "Maximum"),
        "started": ("AWS/SageMaker", "RequestDownloadLatency", of_variant, "SampleCount"),
        "processed": ("AWS/SageMaker", "InvocationsProcessed", of_variant, "Sum"),
        "failed": ("AWS/SageMaker", "InvocationFailures", of_variant, "Sum"),
        "cpu": (instances, "CPUUtilization", of_variant, "Maximum"),
        "gpu": (instances, "GPUUtilization", of_variant, "Maximum"),
        "backlog_known": ("AWS/SageMaker", "ApproximateBacklogSize", ["EndpointName"], "SampleCount"),
        "cpu_known": (instances, "CPUUtilization", of_variant, "SampleCount"),
    }
    assert alarm["TreatMissingData"] == "missing"
    assert alarm["AlarmActions"] == [{"Ref": id_of(endpoint, POLICY, "ScalingSleepPolicy")}]
    policy = by_id_prefix(endpoint, POLICY, "ScalingSleepPolicy")["Properties"]["StepScalingPolicyConfiguration"]
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


@pytest.mark.parametrize(
    ("instance_type", "limit"),
    [("ml.g4dn.xlarge", 80), ("ml.g4dn.12xlarge", 960), ("ml.g5.2xlarge", 160), ("ml.p3.2xlarge", 160)],
)
def test_the_idle_limit_is_a_share_of_all_virtual_cpus(artifacts: Path, instance_type: str, limit: int) -> None:
    """CPUUtilization is 100 percent for each: a developer guide's instance of four has 0 to 400 percent."""
    template = with_scaling(artifacts, endpoint__instance_type=instance_type)
    alarm = by_id_prefix(template, ALARM, "ScalingSleepAlarm")["Properties"]
    assert f"(cpu >= {limit})" in expression_of(alarm)
    assert "(gpu >= 20)" in expression_of(alarm)


def test_the_idle_limit_holds_on_the_smallest_type_that_may_come(artifacts: Path) -> None:
    template = with_scaling(
        artifacts, endpoint__instance_type="ml.g5.4xlarge", endpoint__fallback_instance_types=("ml.g4dn.xlarge",)
    )
    assert "(cpu >= 80)" in expression_of(by_id_prefix(template, ALARM, "ScalingSleepAlarm")["Properties"])


def test_without_a_gpu_none_is_looked_at(artifacts: Path) -> None:
    template = with_scaling(artifacts, endpoint__device="cpu", endpoint__instance_type="ml.m5.xlarge")
    assert "gpu" not in metrics_of(by_id_prefix(template, ALARM, "ScalingSleepAlarm")["Properties"])


@pytest.mark.parametrize("preset", ["aws", "responsive"])
def test_a_warm_window_opens_and_closes_in_its_own_time_zone(artifacts: Path, preset: str) -> None:
    window = {"name": "office", "days": "MON-FRI", "start": "08:05", "end": "19:00", "time_zone": "Asia/Tokyo"}
    template = with_scaling(artifacts, preset=preset, warm_windows=[window])
    actions: list[Any] = properties(template, "AWS::ApplicationAutoScaling::ScalableTarget")["ScheduledActions"]
    assert actions == [
        {
            "ScheduledActionName": f"office-{edge}",
            "Schedule": f"cron({time} ? * MON-FRI *)",
            "Timezone": "Asia/Tokyo",
            "ScalableTargetAction": {"MinCapacity": least, "MaxCapacity": 2},
        }
        for edge, time, least in (("start", "5 8", 1), ("end", "0 19", 0))
    ]


def test_scaling_that_is_off_leaves_no_trace(artifacts: Path) -> None:
    template = with_scaling(artifacts, enabled=False)
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
                for namespace, metric, dimensions, _ in metrics_of(alarm["Properties"]).values():
                    assert (namespace, metric, tuple(dimensions)) in recorded
