from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from app import build_app
from stacks.endpoint import EndpointStack
from tests.stacks.templates import INPUT, OUTPUT, below, by_id_prefix, id_of, only, properties, published, waits_for


def test_one_variant_starts_with_one_instance(endpoint: Template) -> None:
    model_id, _ = only(endpoint, "AWS::SageMaker::Model")
    assert properties(endpoint, "AWS::SageMaker::EndpointConfig")["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "ModelName": {"Fn::GetAtt": [model_id, "ModelName"]},
            "InstanceType": "ml.g4dn.xlarge",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": 1,
            "ModelDataDownloadTimeoutInSeconds": 600,
            "ContainerStartupHealthCheckTimeoutInSeconds": 600,
        }
    ]


def test_answers_and_failures_go_to_the_output_bucket_and_the_topics(endpoint: Template) -> None:
    assert properties(endpoint, "AWS::SageMaker::EndpointConfig")["AsyncInferenceConfig"] == {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 16},
        "OutputConfig": {
            "S3OutputPath": {"Fn::Join": ["", ["s3://", published(endpoint, "output-bucket"), "/results"]]},
            "S3FailurePath": {"Fn::Join": ["", ["s3://", published(endpoint, "output-bucket"), "/failures"]]},
            "NotificationConfig": {
                "SuccessTopic": published(endpoint, "success-topic"),
                "ErrorTopic": published(endpoint, "error-topic"),
            },
        },
    }


def test_the_endpoint_has_its_name_from_the_settings_and_its_config_by_name(endpoint: Template) -> None:
    config_id, _ = only(endpoint, "AWS::SageMaker::EndpointConfig")
    assert properties(endpoint, "AWS::SageMaker::Endpoint") == {
        "EndpointName": "donut-async-dev",
        "EndpointConfigName": {"Fn::GetAtt": [config_id, "EndpointConfigName"]},
        "DeploymentConfig": {
            "AutoRollbackConfiguration": {
                "Alarms": [
                    {"AlarmName": {"Ref": id_of(endpoint, "AWS::CloudWatch::Alarm", f"RollbackAlarms{name}")}}
                    for name in ("FailedInvocations", "ModelErrors")
                ]
            },
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                "TerminationWaitInSeconds": 600,
                "MaximumExecutionTimeoutInSeconds": 3600,
            },
        },
    }


def test_logs_end_and_their_group_is_there_first(endpoint: Template) -> None:
    group_id, group = only(endpoint, "AWS::Logs::LogGroup")
    endpoint_id, _ = only(endpoint, "AWS::SageMaker::Endpoint")
    assert group["Properties"] == {"LogGroupName": "/aws/sagemaker/Endpoints/donut-async-dev", "RetentionInDays": 14}
    assert group["DeletionPolicy"] == "Delete"
    assert group_id in waits_for(endpoint, endpoint_id)


def test_a_caller_may_invoke_put_get_and_list_and_nothing_else(endpoint: Template) -> None:
    endpoint_id, _ = only(endpoint, "AWS::SageMaker::Endpoint")
    statements = by_id_prefix(endpoint, "AWS::IAM::ManagedPolicy", "Caller")["Properties"]["PolicyDocument"][
        "Statement"
    ]
    assert [(each["Sid"], each["Action"], each["Resource"]) for each in statements] == [
        ("Invoke", "sagemaker:InvokeEndpointAsync", {"Ref": endpoint_id}),
        ("PutDocuments", ["s3:AbortMultipartUpload", "s3:PutObject"], below(INPUT, "/*")),
        ("GetAnswersAndFailures", "s3:GetObject", [below(OUTPUT, "/failures/*"), below(OUTPUT, "/results/*")]),
        ("ListAnswers", "s3:ListBucket", OUTPUT),
    ]


def test_a_grant_that_would_be_lost_is_an_error(artifacts: Path) -> None:
    app = build_app(artifacts=artifacts)
    stack = app.node.find_child("Endpoint")
    assert isinstance(stack, EndpointStack)
    service = iam.ServicePrincipal("lambda.amazonaws.com")
    with pytest.raises(ValueError, match="takes no policy"):
        stack.endpoint.grant_invoke(service)
    stack.endpoint.grant_invoke(iam.Role(cdk.Stack(app, "Elsewhere"), "Role", assumed_by=service))
