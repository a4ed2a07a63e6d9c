"""Endpoints through boto3."""

import uuid

from tests.emulator.fakes import endpoint_config, eventually, model
from tests.emulator.sagemaker.calls import ARN, Client, rejection, status


def test_an_image_that_cannot_be_pulled_fails_the_endpoint(sagemaker: Client) -> None:
    name = f"image-{uuid.uuid4().hex[:12]}"
    request = model(name)
    request["PrimaryContainer"]["Image"] = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.3.0-cpu"
    sagemaker.create_model(**request)
    sagemaker.create_endpoint_config(**endpoint_config(name, name))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    failed = eventually(
        lambda: (found := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Failed" and found,
        "a failed endpoint",
    )
    assert "pytorch-inference:2.3.0-cpu' could not be pulled" in failed["FailureReason"]
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_failed_endpoint_says_why(sagemaker: Client, failed: str) -> None:
    described = sagemaker.describe_endpoint(EndpointName=failed)
    assert described["EndpointArn"] == f"{ARN}:endpoint/{failed}"
    assert described["EndpointConfigName"] == failed
    assert described["FailureReason"].startswith("Could not find model data at s3://no-such-bucket/model.tar.gz.")
    assert "ProductionVariants" not in described


def test_a_failed_endpoint_can_only_be_deleted(sagemaker: Client, failed: str) -> None:
    arn = f"{ARN}:endpoint/{failed}"
    expected = ("ValidationException", f'Endpoint "{arn}" is Failed: it can only be deleted.')
    assert rejection(sagemaker.update_endpoint, EndpointName=failed, EndpointConfigName=failed) == expected
    capacities = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}]
    assert (
        rejection(
            sagemaker.update_endpoint_weights_and_capacities,
            EndpointName=failed,
            DesiredWeightsAndCapacities=capacities,
        )
        == expected
    )


def test_deleting_a_failed_endpoint_and_all_that_belongs_to_it(sagemaker: Client, name: str) -> None:
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    eventually(lambda: status(sagemaker, name) == "Failed", "the endpoint has failed")
    sagemaker.delete_endpoint(EndpointName=name)
    eventually(lambda: not sagemaker.list_endpoints(NameContains=name)["Endpoints"], "the endpoint is gone")
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
    assert not sagemaker.list_models(NameContains=name)["Models"]


def test_an_invalid_name_is_rejected_in_awss_words(sagemaker: Client) -> None:
    assert rejection(sagemaker.describe_endpoint, EndpointName="a_b") == (
        "ValidationException",
        (
            "1 validation error detected: Value 'a_b' at 'endpointName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
        ),
    )


def test_the_deployment_config_is_shown(sagemaker: Client, name: str) -> None:
    canary = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60},
        "TerminationWaitInSeconds": 30,
    }
    members = {"EndpointName": name, "EndpointConfigName": name}
    sagemaker.create_endpoint(**members, DeploymentConfig={"BlueGreenUpdatePolicy": canary})
    shown = sagemaker.describe_endpoint(EndpointName=name)["LastDeploymentConfig"]
    assert shown == {"BlueGreenUpdatePolicy": canary}


def test_an_unknown_operation(sagemaker: Client) -> None:
    assert rejection(sagemaker.list_training_jobs) == (
        "UnknownOperationException",
        "The local AWS does not implement sagemaker:ListTrainingJobs.",
    )
