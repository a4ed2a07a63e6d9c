"""Preflight against a local AWS: first nothing is wrong, then each failure is brought about as it would come about."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from async_endpoint.emulator.api.service_quotas import set_quota
from async_endpoint.operations.preflight import Assembly, Check, Status, run
from tests.emulator.conftest import end_of_stack
from tests.emulator.fakes import ACCOUNT, REGION, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.conftest import Running

# Of this module alone: quotas are the whole local AWS's.
TYPE = "ml.g4dn.8xlarge"
OTHER_TYPE = "ml.m5d.2xlarge"  # its quota's code is not known beforehand
IMAGE = f"763104351884.dkr.ecr.{REGION}.amazonaws.com/pytorch-inference:1.11.0-gpu-py38-cu113-ubuntu20.04-sagemaker"
LAYER = f"arn:aws:lambda:{REGION}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python314-x86_64:36"
NAMES = [
    "credentials", "region", "bootstrap", "stacks", "quota", "image", "layer", "archive", "log group", "endpoint",
]  # fmt: skip


@dataclass
class Place:
    """A stage of its own names in the local AWS, for which everything is in order; a test changes what it is about."""

    running: Running
    folder: Path
    name: str
    image: str = IMAGE
    layer: str = LAYER
    instance_type: str = TYPE
    environment: str = f"aws://unknown-account/{REGION}"

    @property
    def stack(self) -> str:
        return f"stack-{self.name}"

    @property
    def log_group(self) -> str:
        return f"/aws/sagemaker/Endpoints/{self.name}"

    @property
    def parameter(self) -> str:
        return f"/cdk-bootstrap/{self.name}/version"

    def client(self, service: str) -> Any:
        return self.running.client(service)

    def checks(self) -> dict[str, Check]:
        """What preflight says, by the checks' names."""
        found = run(Assembly.from_folder(self.write()), boto3.Session())
        assert [check.name for check in found] == NAMES
        return {check.name: check for check in found}

    def write(self) -> Path:
        template = {"Resources": self.resources()}
        (self.folder / "t.json").write_text(json.dumps(template))
        place = {"bucketName": f"{self.name}-${{AWS::AccountId}}", "objectKey": "built.tar.gz"}
        (self.folder / "a.json").write_text(json.dumps({"files": {"1": {"destinations": {"1": place}}}}))
        properties = {
            "templateFile": "t.json",
            "stackName": self.stack,
            "requiresBootstrapStackVersion": 6,
            "bootstrapStackVersionSsmParameter": self.parameter,
        }
        stack = {"type": "aws:cloudformation:stack", "environment": self.environment, "properties": properties}
        assets = {"type": "cdk:asset-manifest", "properties": {"file": "a.json"}}
        (self.folder / "manifest.json").write_text(json.dumps({"artifacts": {"S": stack, "S.assets": assets}}))
        return self.folder

    def resources(self) -> dict[str, Any]:
        url = {"Fn::Sub": f"s3://{self.name}-${{AWS::AccountId}}/built.tar.gz"}
        variant = {"VariantName": "V", "InitialInstanceCount": 2, "InstanceType": self.instance_type}
        container = {"Image": self.image, "ModelDataUrl": url}
        return {
            "M": {"Type": "AWS::SageMaker::Model", "Properties": {"PrimaryContainer": container}},
            "C": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
            "E": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": {"EndpointName": self.name, "EndpointConfigName": {"Fn::GetAtt": ["C", "Name"]}},
            },
            "L": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": self.log_group}},
            "F": {"Type": "AWS::Lambda::Function", "Properties": {"Layers": [self.layer]}},
        }  # fmt: skip

    def create_stack(self, resources: dict[str, Any], status: str) -> None:
        """Create the stage's stack of these resources, and wait for the status that is to come of it."""
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(StackName=self.stack, TemplateBody=json.dumps({"Resources": resources}))

        def ended() -> bool:
            found: str = cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]["StackStatus"]
            return found == status

        eventually(ended, status)


@pytest.fixture
def place(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name, value in running.local.environment(REGION).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    place = Place(running, tmp_path, f"pf-{uuid.uuid4().hex[:12]}")
    place.client("ssm").put_parameter(Name=place.parameter, Value="21", Type="String")
    place.client("s3").create_bucket(Bucket=f"{place.name}-{ACCOUNT}")
    set_quota(running.local.endpoint_url, TYPE, 100)
    return place


def test_where_everything_is_in_order_every_check_is_ok(place: Place) -> None:
    assert {check.name: check.message for check in place.checks().values() if check.status is not Status.OK} == {}


def test_no_bootstrap_and_an_old_one(place: Place) -> None:
    place.client("ssm").put_parameter(Name=place.parameter, Value="5", Type="String", Overwrite=True)
    assert "version 5" in place.checks()["bootstrap"].message
    place.client("ssm").delete_parameter(Name=place.parameter)
    check = place.checks()["bootstrap"]
    assert (check.status, check.fix) == (Status.ERROR, f"npx cdk bootstrap aws://{ACCOUNT}/{REGION}")


def test_quotas_of_every_size_and_the_request_that_mends_them(place: Place) -> None:
    def status(quota: int) -> Status:
        set_quota(place.running.local.endpoint_url, TYPE, quota)
        return place.checks()["quota"].status

    assert [status(quota) for quota in (4, 3, 1)] == [Status.OK, Status.WARNING, Status.ERROR]
    words = (place.checks()["quota"].fix or "").split()
    code, wanted = words[words.index("--quota-code") + 1], words[words.index("--desired-value") + 1]
    place.client("service-quotas").request_service_quota_increase(
        ServiceCode="sagemaker", QuotaCode=code, DesiredValue=float(wanted)
    )
    assert place.checks()["quota"].status is Status.OK


def test_a_quota_whose_code_is_not_known_is_found_by_its_name(place: Place) -> None:
    place.instance_type = OTHER_TYPE
    set_quota(place.running.local.endpoint_url, OTHER_TYPE, 0)
    check = place.checks()["quota"]
    assert check.status is Status.ERROR
    assert f'"{OTHER_TYPE} for endpoint usage" is 0' in check.message


def test_an_image_and_a_layer_that_are_not_there(place: Place) -> None:
    place.image = IMAGE.replace("1.11.0", "9.9.9")
    place.layer = f"{LAYER.rpartition(':')[0]}:999"
    found = place.checks()
    assert [found[name].status for name in ("image", "layer")] == [Status.ERROR] * 2
    place.image = IMAGE.replace("pytorch-inference", "nobody-s")
    assert place.checks()["image"].status is Status.ERROR


def test_the_command_that_mends_an_image_lists_tags_that_are_there(place: Place) -> None:
    found = place.client("ecr").describe_images(registryId="763104351884", repositoryName="pytorch-inference")
    tags = [tag for each in found["imageDetails"] for tag in each["imageTags"]]
    assert IMAGE.rpartition(":")[2] in tags


def test_a_function_cannot_take_a_layer_version_that_is_not_there(place: Place) -> None:
    code = {"ZipFile": "def handler(event, context): ..."}
    properties = {
        "Code": code,
        "Handler": "index.handler",
        "Runtime": "python3.12",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/r",
    }
    function = {"Type": "AWS::Lambda::Function", "Properties": {**properties, "Layers": [f"{LAYER}9"]}}
    status, reasons = end_of_stack(place.running, {"F": function})
    assert status == "ROLLBACK_COMPLETE"
    assert any("is not authorized to perform: lambda:GetLayerVersion" in reason for reason in reasons)


def test_a_log_group_that_nobody_s_stack_made(place: Place) -> None:
    place.client("logs").create_log_group(logGroupName=f"{place.log_group}-2")
    assert place.checks()["log group"].status is Status.OK
    place.client("logs").create_log_group(logGroupName=place.log_group)
    check = place.checks()["log group"]
    assert check.status is Status.ERROR
    assert (check.fix or "").startswith(f"aws logs describe-log-streams --log-group-name {place.log_group} ")
    assert f"aws logs delete-log-group --log-group-name {place.log_group} --region {REGION}" in (check.fix or "")


def test_the_stack_s_own_log_group_is_not_in_the_way(place: Place) -> None:
    place.create_stack({"L": place.resources()["L"]}, "CREATE_COMPLETE")
    found = place.checks()
    assert [found[name].status for name in ("stacks", "log group")] == [Status.OK] * 2
    assert "CREATE_COMPLETE" in found["stacks"].message


def test_a_stack_whose_creation_failed(place: Place) -> None:
    config = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": []}}
    place.create_stack({"X": config}, "ROLLBACK_COMPLETE")
    assert place.checks()["stacks"].status is Status.WARNING


def test_an_endpoint_of_the_name_that_somebody_else_made(place: Place) -> None:
    sagemaker, name = place.client("sagemaker"), place.name
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{name}-{ACCOUNT}/x.tar.gz"}
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {"VariantName": "V", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant],
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"s3://{name}-{ACCOUNT}/o"}},
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    check = place.checks()["endpoint"]
    assert check.status is Status.ERROR
    assert (check.fix or "").startswith("Set endpoint.name in config/STAGE.toml to another name.")
    assert "delete" not in (check.fix or "")
    # Its log group is that endpoint's own: what the check prints must not delete it.
    place.client("logs").create_log_group(logGroupName=place.log_group)
    group = place.checks()["log group"]
    assert group.status is Status.ERROR
    assert "delete" not in (group.fix or "")


def test_the_archive_s_bucket_under_a_key_that_does_not_work_or_gone(place: Place) -> None:
    s3, kms, bucket = place.client("s3"), place.client("kms"), f"{place.name}-{ACCOUNT}"
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    check = place.checks()["archive"]
    assert check.status is Status.OK
    assert key in check.message
    kms.disable_key(KeyId=key)
    check = place.checks()["archive"]
    assert (check.status, check.fix) == (Status.ERROR, f"aws kms enable-key --key-id {key} --region {REGION}")
    s3.delete_bucket(Bucket=bucket)
    assert "There is no bucket" in place.checks()["archive"].message


def test_a_region_that_there_is_not_and_one_that_other_tools_would_take(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert place.checks()["region"].status is Status.WARNING
    place.environment = "aws://unknown-account/eu-west-9"
    found = place.checks()
    assert found["region"].status is Status.ERROR
    assert {found[name].status for name in NAMES[2:]} == {Status.SKIPPED}


def test_no_credentials_and_those_of_another_account(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.environment = f"aws://111111111111/{REGION}"
    found = place.checks()
    assert "belongs to account 111111111111" in found["credentials"].message
    assert {found[name].status for name in NAMES[1:]} == {Status.SKIPPED}
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert place.checks()["credentials"].message == "The credentials cannot be used: Unable to locate credentials."


def test_a_service_that_does_not_answer_is_a_warning(place: Place) -> None:
    place.running.local.faults.add("error", service="s3")
    try:
        check = place.checks()["archive"]
    finally:
        place.running.local.faults.clear()
    assert check.status is Status.WARNING
    assert check.message.startswith("The request to AWS failed")
