"""Templates of small stages, written by hand, and what simulates them."""

from array import array
from collections.abc import Mapping
from typing import Any

from async_endpoint.cloudwatch import DelayRange
from async_endpoint.planner import Conditions, Durations, Stage, Traffic, stage_from
from async_endpoint.planner.traffic import MONDAY

ENDPOINT = "reader"
NAME = {"Fn::GetAtt": ["Endpoint", "EndpointName"]}
OF_QUEUE = [{"Name": "EndpointName", "Value": NAME}]
Resources = dict[str, Any]


def endpoint(concurrency: int | None = 1, instances: int = 1) -> Resources:
    """An endpoint and its config."""
    client = {} if concurrency is None else {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": concurrency}}
    variant = {"VariantName": "AllTraffic", "InstanceType": "ml.g4dn.xlarge", "InitialInstanceCount": instances}
    config = {
        "AsyncInferenceConfig": client | {"OutputConfig": {"S3OutputPath": "s3://results"}},
        "ProductionVariants": [variant],
    }
    return {
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": config},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": ENDPOINT,
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
            },
        },
    }


def target(least: int = 0, most: int = 4, schedules: list[Mapping[str, Any]] | None = None) -> Resources:
    """A scalable target."""
    properties = {
        "MinCapacity": least,
        "MaxCapacity": most,
        "ResourceId": {"Fn::Join": ["", ["endpoint/", NAME, "/variant/AllTraffic"]]},
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ServiceNamespace": "sagemaker",
        "ScheduledActions": schedules or [],
    }
    return {"Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": properties}}


def step(
    name: str, metric: str, adjustment: int, *, kind: str = "ChangeInCapacity", cooldown: int = 300, **alarm: Any
) -> Resources:
    """A step policy with one step, and its alarm: Average of one minute >= 1, unless `alarm` says otherwise."""
    policy = {
        "PolicyName": name,
        "PolicyType": "StepScaling",
        "ScalingTargetId": {"Ref": "Target"},
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": kind,
            "MetricAggregationType": "Average",
            "Cooldown": cooldown,
            "StepAdjustments": [
                {"MetricIntervalLowerBound": 0, "ScalingAdjustment": adjustment}
                if not str(alarm.get("ComparisonOperator", "")).startswith("Less")
                else {"MetricIntervalUpperBound": 0, "ScalingAdjustment": adjustment}
            ],
        },
    }
    properties = {
        "AlarmActions": [{"Ref": f"{name}Policy"}],
        "Namespace": "AWS/SageMaker",
        "MetricName": metric,
        "Dimensions": OF_QUEUE,
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    } | alarm
    return {
        f"{name}Policy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": policy},
        f"{name}Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties},
    }


def tracking(value: float = 5, **members: Any) -> Resources:
    """A target tracking policy on the backlog of an instance."""
    metric = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Dimensions": OF_QUEUE,
        "Statistic": "Average",
    }
    policy = {
        "PolicyName": "track",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "Target"},
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": value, "CustomizedMetricSpecification": metric}
        | members,
    }
    return {"TrackPolicy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": policy}}


def documented() -> Resources:
    """The recipe of AWS's documentation: wakes by a step policy after two minutes, follows the backlog by tracking."""
    wake = step("Wake", "HasBacklogWithoutCapacity", 1, EvaluationPeriods=2, DatapointsToAlarm=2)
    return endpoint() | target() | wake | tracking()


def function(**variables: str) -> Resources:
    """A function with environment variables."""
    return {"Function": {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": variables}}}}


def stage(*parts: Resources) -> Stage:
    """The stage of all these resources."""
    resources: Resources = {}
    for part in parts:
        resources |= part
    return stage_from([{"Resources": resources}])


def arriving(*moments: float, seconds: float = 86_400) -> Traffic:
    """Requests at these seconds, which are observed so long."""
    return Traffic(MONDAY, float(seconds), array("d", moments))


def conditions(service: float, start: float = 240, **members: Any) -> Conditions:
    """Durations; metrics are punctual and complete unless `members` say otherwise."""
    given: dict[str, Any] = {"metric_delay": DelayRange(0, 0), "metric_gaps": 0.0} | members
    return Conditions(service=Durations.constant(service), start=Durations.constant(start), **given)
