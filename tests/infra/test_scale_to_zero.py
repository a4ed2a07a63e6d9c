"""Two well-known mistakes leave an endpoint asleep for ever: another metric's name, and one dimension too many."""

from aws_cdk.assertions import Template

from tests.infra.templates import JsonObject, by_id_prefix, only, properties, waits_for

POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


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


def test_it_tracks_the_backlog_of_each_instance(endpoint: Template) -> None:
    assert by_id_prefix(endpoint, POLICY, "ScalingBacklogPolicy")["Properties"] == {
        "PolicyName": "backlog-per-instance",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": target_ref(endpoint),
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 5,
            "ScaleOutCooldown": 300,
            "ScaleInCooldown": 300,
            "CustomizedMetricSpecification": {
                "Namespace": "AWS/SageMaker",
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name(endpoint)}],
                "Statistic": "Average",
            },
        },
    }


def test_waking_adds_one_instance(endpoint: Template) -> None:
    assert by_id_prefix(endpoint, POLICY, "ScalingWakePolicy")["Properties"] == {
        "PolicyName": "wake-from-zero",
        "PolicyType": "StepScaling",
        "ScalingTargetId": target_ref(endpoint),
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": 300,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    }


def test_waiting_requests_without_an_instance_wake_it(endpoint: Template) -> None:
    (wake_policy,) = (each for each in endpoint.find_resources(POLICY) if each.startswith("ScalingWakePolicy"))
    alarm = properties(endpoint, "AWS::CloudWatch::Alarm")
    assert alarm.pop("AlarmDescription")
    assert alarm == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint_name(endpoint)}],
        "Statistic": "Average",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1,
        "Period": 60,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "missing",
        "AlarmActions": [{"Ref": wake_policy}],
    }


def test_scaling_waits_for_the_endpoint(endpoint: Template) -> None:
    endpoint_id, _ = only(endpoint, "AWS::SageMaker::Endpoint")
    target_id, _ = only(endpoint, "AWS::ApplicationAutoScaling::ScalableTarget")
    policies = endpoint.find_resources(POLICY)
    assert endpoint_id in waits_for(endpoint, target_id)
    assert len(policies) == 2
    assert all(target_id in waits_for(endpoint, each) for each in policies)
