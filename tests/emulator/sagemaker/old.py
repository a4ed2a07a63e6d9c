"""SageMaker's operations through boto3, on a local AWS in which no instance can start: endpoints come to be Failed."""

import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conftest import Running
from tests.emulator.fakes import ACCOUNT, REGION, endpoint_config, eventually, model

Client = Any  # boto3 makes its clients at run time

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture(scope="module")
def sagemaker(running: Running) -> Client:
    return running.client("sagemaker")


@pytest.fixture(scope="module")
def runtime(running: Running) -> Client:
    return running.client("sagemaker-runtime")


@pytest.fixture
def name(sagemaker: Client) -> str:
    """A new name, of a model and of an endpoint config."""
    name = f"e-{uuid.uuid4().hex[:12]}"
    sagemaker.create_model(**model(name, "s3://no-such-bucket/model.tar.gz"))
    sagemaker.create_endpoint_config(**endpoint_config(name, name))
    return name


@pytest.fixture(scope="module")
def failed(sagemaker: Client) -> str:
    """An endpoint whose first deployment failed."""
    name = f"failed-{uuid.uuid4().hex[:12]}"
    sagemaker.create_model(**model(name, "s3://no-such-bucket/model.tar.gz"))
    sagemaker.create_endpoint_config(**endpoint_config(name, name))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=[{"Key": "stage", "Value": "dev"}])
    eventually(lambda: status(sagemaker, name) == "Failed", "the endpoint has failed")
    return name


def status(sagemaker: Client, name: str) -> str:
    return str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])


def refusal(call: Callable[..., Any], **members: Any) -> tuple[str, str]:
    """Code and message with which a call is refused; always with HTTP status 400."""
    with pytest.raises(ClientError) as refused:
        call(**members)
    answer = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return answer["Error"]["Code"], answer["Error"]["Message"]


def test_a_model_as_it_was_created(sagemaker: Client, name: str) -> None:
    described = sagemaker.describe_model(ModelName=name)
    assert described["ModelArn"] == f"{ARN}:model/{name}"
    assert described["PrimaryContainer"] == model(name, "s3://no-such-bucket/model.tar.gz")["PrimaryContainer"]
    assert described["EnableNetworkIsolation"] is False


def test_an_endpoint_config_as_it_was_created(sagemaker: Client, name: str) -> None:
    described = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    wanted = endpoint_config(name, name)
    assert described["EndpointConfigArn"] == f"{ARN}:endpoint-config/{name}"
    assert {key: described[key] for key in wanted} == wanted


def test_a_variant_has_the_machine_image_that_it_was_given(sagemaker: Client, name: str) -> None:
    config = endpoint_config(f"{name}-2", name)
    config["ProductionVariants"][0]["InferenceAmiVersion"] = "al2-ami-sagemaker-inference-gpu-3-1"
    sagemaker.create_endpoint_config(**config)
    described = sagemaker.describe_endpoint_config(EndpointConfigName=f"{name}-2")
    assert described["ProductionVariants"] == config["ProductionVariants"]


def test_a_variant_without_a_weight_has_the_default(sagemaker: Client, name: str) -> None:
    config = endpoint_config(f"{name}-2", name)
    del config["ProductionVariants"][0]["InitialVariantWeight"]
    sagemaker.create_endpoint_config(**config)
    (variant,) = sagemaker.describe_endpoint_config(EndpointConfigName=f"{name}-2")["ProductionVariants"]
    assert variant["InitialVariantWeight"] == 1.0


def test_names_are_taken_once(sagemaker: Client, failed: str) -> None:
    create: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
        (sagemaker.create_model, model(failed), "model"),
        (sagemaker.create_endpoint_config, endpoint_config(failed, failed), "endpoint configuration"),
        (sagemaker.create_endpoint, {"EndpointName": failed, "EndpointConfigName": failed}, "endpoint"),
    ]
    for call, members, noun in create:
        arn = f"{ARN}:{noun.replace('configuration', 'config').replace(' ', '-')}/{failed}"
        assert refusal(call, **members) == ("ValidationException", f'Cannot create already existing {noun} "{arn}".')


@pytest.mark.parametrize(
    ("operation", "members", "noun"),
    [
        ("describe_model", {"ModelName": "x"}, "model"),
        ("delete_model", {"ModelName": "x"}, "model"),
        ("describe_endpoint_config", {"EndpointConfigName": "x"}, "endpoint configuration"),
        ("delete_endpoint_config", {"EndpointConfigName": "x"}, "endpoint configuration"),
        ("create_endpoint", {"EndpointName": "e", "EndpointConfigName": "x"}, "endpoint configuration"),
        ("create_endpoint_config", endpoint_config("c", "x"), "model"),
        ("describe_endpoint", {"EndpointName": "x"}, "endpoint"),
        ("update_endpoint", {"EndpointName": "x", "EndpointConfigName": "c"}, "endpoint"),
        ("delete_endpoint", {"EndpointName": "x"}, "endpoint"),
        (
            "update_endpoint_weights_and_capacities",
            {"EndpointName": "x", "DesiredWeightsAndCapacities": [{"VariantName": "v", "DesiredInstanceCount": 1}]},
            "endpoint",
        ),
    ],
)
def test_what_is_not_there(sagemaker: Client, operation: str, members: dict[str, Any], noun: str) -> None:
    arn = f"{ARN}:{noun.replace('configuration', 'config').replace(' ', '-')}/x"
    assert refusal(getattr(sagemaker, operation), **members) == (
        "ValidationException",
        f'Could not find {noun} "{arn}".',
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AsyncInferenceConfig": None}, "The local AWS hosts asynchronous endpoints: give an AsyncInferenceConfig."),
        ({"ProductionVariants": 2}, "The local AWS hosts endpoints of exactly one production variant."),
        ({"ShadowProductionVariants": 1}, "Asynchronous endpoints take no shadow variants."),
        ({"ModelName": None}, "The variant AllTraffic has no ModelName: give one."),
        ({"InstanceType": None}, "The variant AllTraffic has no InstanceType: give one."),
        ({"InitialInstanceCount": None}, "The variant AllTraffic has no InitialInstanceCount: give one."),
        ({"InstanceType": "ml.inf1.xlarge"}, "Asynchronous endpoints do not run on ml.inf1.xlarge"),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}},
            "The variant AllTraffic is serverless, which asynchronous endpoints cannot be.",
        ),
        (
            {"InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-9"},
            (
                "Value 'al2-ami-sagemaker-inference-gpu-9' at 'productionVariants.1.member.inferenceAmiVersion' "
                "failed to satisfy constraint: Member must satisfy enum value set: ["
            ),
        ),
        ({"S3OutputPath": "https://results"}, "Invalid S3OutputPath: 'https://results' is not a "),
        (
            {"S3OutputPath": "results"},
            (
                "Value 'results' at 'asyncInferenceConfig.outputConfig.s3OutputPath' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: "
            ),
        ),
    ],
)
def test_endpoint_configs_that_are_refused(sagemaker: Client, name: str, change: dict[str, Any], message: str) -> None:
    config = endpoint_config(f"{name}-2", name)
    ((member, value),) = change.items()
    match member:
        case "AsyncInferenceConfig":
            del config["AsyncInferenceConfig"]
        case "ProductionVariants":
            config["ProductionVariants"] *= 2
        case "ShadowProductionVariants":
            config["ShadowProductionVariants"] = config["ProductionVariants"]
        case "S3OutputPath":
            config["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"] = value
        case _ if value is None:
            del config["ProductionVariants"][0][member]
        case _:
            config["ProductionVariants"][0][member] = value
    code, text = refusal(sagemaker.create_endpoint_config, **config)
    assert code == "ValidationException"
    assert message in text


def test_a_missing_model_is_told_before_what_the_local_aws_lacks(sagemaker: Client) -> None:
    config = endpoint_config("c", "no-such-model")
    del config["AsyncInferenceConfig"]
    assert refusal(sagemaker.create_endpoint_config, **config)[1].startswith("Could not find model ")


def test_a_model_of_one_container_may_name_it_either_way(sagemaker: Client) -> None:
    name = f"contained-{uuid.uuid4().hex[:12]}"
    request = model(name)
    container = request.pop("PrimaryContainer")
    for members, message in (
        ({"PrimaryContainer": container, "Containers": [container]}, "either a PrimaryContainer or Containers"),
        ({"Containers": [container, container]}, "serves models of one container, not 2: give a PrimaryContainer."),
        ({}, "serves models of one container, not 0: give a PrimaryContainer."),
    ):
        assert message in refusal(sagemaker.create_model, **request, **members)[1]
    sagemaker.create_model(**request, Containers=[container])
    assert sagemaker.describe_model(ModelName=name)["Containers"] == [container]
    sagemaker.create_endpoint_config(**endpoint_config(name, name))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    eventually(lambda: status(sagemaker, name) == "Failed", "its instance was asked for the archive")
    assert "s3://models/model.tar.gz" in sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]


def test_tags_come_in_pages(sagemaker: Client, name: str) -> None:
    arn = f"{ARN}:model/{name}"
    for first in (0, 50, 100):
        tags = [{"Key": f"key-{number}", "Value": "-"} for number in range(first, first + 50)]
        sagemaker.add_tags(ResourceArn=arn, Tags=tags)
    assert len(sagemaker.list_tags(ResourceArn=arn, MaxResults=60)["Tags"]) == 60
    pages = list(sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn))
    assert [len(page["Tags"]) for page in pages] == [100, 50]
    assert len({tag["Key"] for page in pages for tag in page["Tags"]}) == 150


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


def test_lists_come_in_pages_newest_first(sagemaker: Client) -> None:
    mark = uuid.uuid4().hex[:12]
    names = [f"page-{mark}-{number}" for number in (2, 0, 1)]
    for each in names:
        sagemaker.create_model(**model(each))
    pages = list(sagemaker.get_paginator("list_models").paginate(NameContains=mark, PaginationConfig={"PageSize": 2}))
    assert [[item["ModelName"] for item in page["Models"]] for page in pages] == [names[:0:-1], names[:1]]
    by_name = sagemaker.list_models(NameContains=mark, SortBy="Name", SortOrder="Ascending")["Models"]
    assert [item["ModelName"] for item in by_name] == sorted(names)
    assert by_name[0]["ModelArn"] == f"{ARN}:model/{min(names)}"


def test_lists_by_time(sagemaker: Client, failed: str) -> None:
    described = sagemaker.describe_endpoint(EndpointName=failed)
    created, modified = described["CreationTime"], described["LastModifiedTime"]
    later = timedelta(seconds=1)
    for found, times in (
        (True, {"CreationTimeAfter": created, "CreationTimeBefore": created + later}),
        (True, {"LastModifiedTimeAfter": modified, "LastModifiedTimeBefore": modified + later}),
        (False, {"CreationTimeAfter": created + later}),
        (False, {"CreationTimeBefore": created}),
        (False, {"LastModifiedTimeAfter": modified + later}),
        (False, {"LastModifiedTimeBefore": modified}),
    ):
        listed = sagemaker.list_endpoints(NameContains=failed, **times)["Endpoints"]
        assert [item["EndpointName"] for item in listed] == [failed] * found, times
    assert not sagemaker.list_models(NameContains=failed, CreationTimeBefore="2001-01-01")["Models"]
    assert sagemaker.list_endpoint_configs(NameContains=failed, CreationTimeAfter="2001-01-01")["EndpointConfigs"]


def test_a_page_that_never_was(sagemaker: Client) -> None:
    assert refusal(sagemaker.list_models, NextToken="x") == ("ValidationException", "Invalid NextToken.")


def test_a_failed_endpoint_says_why(sagemaker: Client, failed: str) -> None:
    described = sagemaker.describe_endpoint(EndpointName=failed)
    assert described["EndpointArn"] == f"{ARN}:endpoint/{failed}"
    assert described["EndpointConfigName"] == failed
    assert described["FailureReason"].startswith("Could not find model data at s3://no-such-bucket/model.tar.gz.")
    assert "ProductionVariants" not in described


def test_endpoints_are_listed_by_status(sagemaker: Client, failed: str) -> None:
    found = sagemaker.list_endpoints(StatusEquals="Failed", NameContains=failed)["Endpoints"]
    assert [item["EndpointName"] for item in found] == [failed]
    assert sagemaker.list_endpoints(StatusEquals="InService", NameContains=failed)["Endpoints"] == []


def test_a_failed_endpoint_can_only_be_deleted(sagemaker: Client, failed: str) -> None:
    arn = f"{ARN}:endpoint/{failed}"
    expected = ("ValidationException", f'Endpoint "{arn}" is Failed: it can only be deleted.')
    assert refusal(sagemaker.update_endpoint, EndpointName=failed, EndpointConfigName=failed) == expected
    capacities = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}]
    assert (
        refusal(
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


def test_tags(sagemaker: Client, failed: str) -> None:
    arn = f"{ARN}:endpoint/{failed}"
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "dev"}]
    added = sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "prod"}, {"Key": "a", "Value": "b"}])
    assert added["Tags"] == [{"Key": "stage", "Value": "prod"}, {"Key": "a", "Value": "b"}]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "prod"}]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "dev"}])


@pytest.mark.parametrize("kind", ["endpoint", "endpoint-config", "model"])
def test_what_is_not_there_has_no_tags(sagemaker: Client, kind: str) -> None:
    arn = f"{ARN}:{kind}/x"
    expected = ("ValidationException", f'Could not find resource "{arn}".')
    assert refusal(sagemaker.list_tags, ResourceArn=arn) == expected
    assert refusal(sagemaker.add_tags, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}]) == expected
    assert refusal(sagemaker.delete_tags, ResourceArn=arn, TagKeys=["a"]) == expected


def test_models_and_endpoint_configs_have_tags(sagemaker: Client, name: str) -> None:
    for kind in ("model", "endpoint-config"):
        arn = f"{ARN}:{kind}/{name}"
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "dev"}])
        assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "dev"}]


def test_names_that_can_be_none(sagemaker: Client) -> None:
    assert refusal(sagemaker.describe_endpoint, EndpointName="a_b") == (
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


def test_an_operation_that_is_not_here(sagemaker: Client) -> None:
    assert refusal(sagemaker.list_training_jobs) == (
        "UnknownOperationException",
        "The local AWS does not implement sagemaker:ListTrainingJobs.",
    )


def test_invoking_an_unknown_endpoint(runtime: Client) -> None:
    assert refusal(runtime.invoke_endpoint_async, EndpointName="nobody", InputLocation="s3://b-1/k") == (
        "ValidationError",
        f"Endpoint nobody of account {ACCOUNT} not found.",
    )


def test_a_call_without_a_signature(running: Running, failed: str) -> None:
    def post(path: str, headers: dict[str, str]) -> tuple[int, str]:
        url = f"{running.local.endpoint_url}{path}"
        request = urllib.request.Request(url, b"x", headers, method="POST")  # noqa: S310 - localhost
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=5)  # noqa: S310 - localhost
        with refused.value as answer:
            return refused.value.code, answer.read().decode()

    message = f"Endpoint {failed} of account {ACCOUNT} is not in service."
    assert post(f"/endpoints/{failed}/async-invocations", {}) == (
        400,
        f'{{"__type": "ValidationError", "message": "{message}"}}',
    )
    assert "call it with InvokeEndpointAsync" in post(f"/endpoints/{failed}/invocations", {})[1]
    of_s3 = {"Authorization": f"AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/s3/aws4_request"}
    assert post(f"/endpoints/{failed}/async-invocations", of_s3)[0] == 405
    assert post("/endpoints/unsigned/elsewhere", {})[0] == 405


def test_an_asynchronous_endpoint_takes_no_synchronous_call(runtime: Client, failed: str) -> None:
    code, message = refusal(runtime.invoke_endpoint, EndpointName=failed, Body=b"x")
    assert code == "ValidationError"
    assert message.endswith("call it with InvokeEndpointAsync.")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"InputLocation": "s3://b-1/k", "InferenceId": "x" * 65},
            "at 'inferenceId' failed to satisfy constraint: Member must have length less than or equal to 64",
        ),
        (
            {"InputLocation": "s3://b-1/k", "RequestTTLSeconds": 21_601},
            "Member must have value less than or equal to 21600",
        ),
        ({"InputLocation": "s3://b-1/k", "Body": b"x"}, "Exactly one of InputLocation and Body must be given."),
        ({}, "Exactly one of InputLocation and Body must be given."),
    ],
)
def test_invocations_that_break_a_rule(runtime: Client, failed: str, members: dict[str, Any], message: str) -> None:
    code, text = refusal(runtime.invoke_endpoint_async, EndpointName=failed, **members)
    assert code == "ValidationError"
    assert message in text


def test_an_endpoint_that_does_not_serve_takes_no_request(runtime: Client, failed: str) -> None:
    assert refusal(runtime.invoke_endpoint_async, EndpointName=failed, InputLocation="s3://bucket/key") == (
        "ValidationError",
        f"Endpoint {failed} of account {ACCOUNT} is not in service.",
    )
