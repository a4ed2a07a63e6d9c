from aws_cdk.assertions import Template

from tests.stacks.templates import (
    INPUT,
    OUTPUT,
    JsonObject,
    TemplateWith,
    below,
    only,
    properties,
    statements_of,
    waits_for,
)

CONFIG = "AWS::SageMaker::EndpointConfig"


def variant(template: Template) -> JsonObject:
    (found,) = properties(template, CONFIG)["ProductionVariants"]
    return dict(found)


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


def test_the_endpoint_has_its_name_from_the_settings_and_its_config_by_name(endpoint: Template) -> None:
    config_id, _ = only(endpoint, CONFIG)
    made = properties(endpoint, "AWS::SageMaker::Endpoint")
    assert made["EndpointName"] == "donut-async-dev"
    assert made["EndpointConfigName"] == {"Fn::GetAtt": [config_id, "EndpointConfigName"]}


def test_logs_expire_and_their_group_is_created_first(endpoint: Template) -> None:
    group_id, group = only(endpoint, "AWS::Logs::LogGroup")
    endpoint_id, _ = only(endpoint, "AWS::SageMaker::Endpoint")
    assert group["Properties"] == {"LogGroupName": "/aws/sagemaker/Endpoints/donut-async-dev", "RetentionInDays": 14}
    assert group["DeletionPolicy"] == "Delete"
    assert group_id in waits_for(endpoint, endpoint_id)


def test_a_caller_may_invoke_put_get_list_and_delete_uploads_of_runs_and_nothing_else(endpoint: Template) -> None:
    endpoint_id, _ = only(endpoint, "AWS::SageMaker::Endpoint")
    statements = statements_of(endpoint, "Caller")
    assert [(each["Sid"], each["Action"], each["Resource"]) for each in statements] == [
        ("Invoke", "sagemaker:InvokeEndpointAsync", {"Ref": endpoint_id}),
        ("PutDocuments", ["s3:AbortMultipartUpload", "s3:PutObject"], below(INPUT, "/*")),
        ("DeleteUploadsOfRuns", "s3:DeleteObject", below(INPUT, "/run/*")),
        ("GetAnswersAndFailures", "s3:GetObject", [below(OUTPUT, "/failures/*"), below(OUTPUT, "/results/*")]),
        ("ListAnswers", "s3:ListBucket", OUTPUT),
    ]


def test_fallback_types_become_pools_in_their_order(endpoint_with: TemplateWith) -> None:
    made = variant(endpoint_with(endpoint__fallback_instance_types=["ml.g5.xlarge"]))
    assert made["InstancePools"] == [
        {"InstanceType": "ml.g4dn.xlarge", "Priority": 1},
        {"InstanceType": "ml.g5.xlarge", "Priority": 2},
    ]
    assert made["VariantInstanceProvisionTimeoutInSeconds"] == 600
    assert "InstanceType" not in made


def test_a_machine_image_is_in_the_variant_when_it_is_set(endpoint: Template, endpoint_with: TemplateWith) -> None:
    assert "InferenceAmiVersion" not in variant(endpoint)
    chosen = "al2-ami-sagemaker-inference-gpu-3-1"
    assert variant(endpoint_with(endpoint__inference_ami_version=chosen))["InferenceAmiVersion"] == chosen


def test_a_type_without_nvme_takes_a_volume_and_its_key(endpoint_with: TemplateWith) -> None:
    changes = {"endpoint__instance_type": "ml.p3.2xlarge", "endpoint__volume_gb": 50}
    assert variant(endpoint_with(**changes))["VolumeSizeInGB"] == 50
    assert "KmsKeyId" not in properties(endpoint_with(**changes), CONFIG)
    assert properties(endpoint_with(**changes, encryption="customer-managed"), CONFIG)["KmsKeyId"]
    assert "KmsKeyId" not in properties(endpoint_with(encryption="customer-managed"), CONFIG)
