"""The `destroy` command as a shell sees it, on stacks that ministack really deploys and deletes."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_s3.client import S3Client

pytestmark = pytest.mark.usefixtures("local_services")

BUCKET: dict[str, Any] = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}}
TABLE: dict[str, Any] = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "job_id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "job_id", "KeyType": "HASH"}],
    },
}


class Deployed(dict[str, str]):
    """The physical ids of a stack's resources by their logical ids; `name` is the stack's."""

    name: str


@pytest.fixture
def cloudformation(local_services: None) -> Iterator[CloudFormationClient]:
    del local_services  # sets boto3's environment
    client = boto3.client("cloudformation")
    yield client
    client.close()


@pytest.fixture
def deploy(cloudformation: CloudFormationClient) -> Callable[..., Deployed]:
    def deploy(resources: dict[str, Any], *, protected: bool = False, **template: Any) -> Deployed:
        name = f"test-{uuid.uuid4().hex[:8]}"
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=json.dumps({"Resources": resources, **template}),
            EnableTerminationProtection=protected,
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        deployed = Deployed({each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found})
        deployed.name = name
        return deployed

    return deploy


def destroy(*arguments: str, answer: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(main, ["destroy", *arguments], input=answer, env=environment)


def exists(cloudformation: CloudFormationClient, name: str) -> bool:
    return any(stack["StackName"] == name for stack in cloudformation.describe_stacks()["Stacks"])


def fill(s3: S3Client, bucket: str) -> None:
    """Two objects, one of them in two versions, a third under a delete marker, and an unfinished upload."""
    for key, body in (("a", b"1"), ("a", b"2"), ("b", b"1"), ("gone", b"1")):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    s3.delete_object(Bucket=bucket, Key="gone")
    s3.create_multipart_upload(Bucket=bucket, Key="unfinished")


def test_a_stack_is_deleted_with_its_contents_which_are_listed_before_the_confirmation(
    deploy: Callable[..., Deployed], cloudformation: CloudFormationClient, s3: S3Client
) -> None:
    stack = deploy({"Inputs": BUCKET, "Jobs": TABLE})
    fill(s3, stack["Inputs"])
    boto3.resource("dynamodb").Table(stack["Jobs"]).put_item(Item={"job_id": "1"})

    result = destroy(stack.name, answer="y\n")

    assert result.exit_code == 0, result.output
    listed, _, done = result.output.partition("Delete all of this?")
    assert f"stack {stack.name}, 2 resources" in listed
    assert f"bucket {stack['Inputs']}: 2 objects, 5 versions with old ones and delete markers" in listed
    assert f"table {stack['Jobs']}: 1 item\n" in listed
    assert f"bucket {stack['Inputs']}: emptied, 5 versions deleted, 1 unfinished upload aborted" in done
    assert "Nothing of the stacks is left." in done
    assert "bootstrap stack (CDKToolkit)" in done
    assert not exists(cloudformation, stack.name)
    assert stack["Inputs"] not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_a_confirmation_nothing_is_deleted(
    deploy: Callable[..., Deployed], cloudformation: CloudFormationClient, s3: S3Client, answer: str
) -> None:
    stack = deploy({"Inputs": BUCKET})
    fill(s3, stack["Inputs"])

    result = destroy(stack.name, answer=answer)

    assert result.exit_code == 1
    assert "Error: Nothing was deleted: answer y to delete, or pass --yes" in result.output
    assert exists(cloudformation, stack.name)
    assert len(s3.list_objects_v2(Bucket=stack["Inputs"])["Contents"]) == 2


@pytest.mark.parametrize(("option", "environment"), [(["--yes"], {}), ([], {"YES": "1"})])
def test_yes_skips_the_confirmation(
    deploy: Callable[..., Deployed],
    cloudformation: CloudFormationClient,
    option: list[str],
    environment: dict[str, str],
) -> None:
    stack = deploy({"Inputs": BUCKET})

    result = destroy(stack.name, *option, **environment)

    assert result.exit_code == 0, result.output
    assert "Delete all of this?" not in result.output
    assert not exists(cloudformation, stack.name)


def test_stacks_are_deleted_in_the_order_given_and_a_missing_one_is_skipped(deploy: Callable[..., Deployed]) -> None:
    exported = f"topic-{uuid.uuid4().hex}"
    topic = {"Type": "AWS::SNS::Topic"}
    first = deploy({"Topic": topic}, Outputs={"Topic": {"Value": {"Ref": "Topic"}, "Export": {"Name": exported}}})
    second = deploy(
        {"Queue": {"Type": "AWS::SQS::Queue", "Metadata": {"of": {"Fn::ImportValue": exported}}}},
        Outputs={"Of": {"Value": {"Fn::ImportValue": exported}}},
    )

    wrong = destroy(first.name, second.name, "--yes")
    right = destroy("never-there", second.name, first.name, "--yes", "--region", "ap-northeast-1")

    assert wrong.exit_code == 1
    assert f"is imported by stack {second.name}" in wrong.output
    assert right.exit_code == 0, right.output
    assert "There is no stack never-there in ap-northeast-1: skipped." in right.output
    assert right.output.index(f"{second.name}: deleted") < right.output.index(f"{first.name}: deleted")


def test_without_a_stack_there_is_nothing_to_destroy() -> None:
    result = destroy("never-there", "nor-this")

    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "There is nothing to destroy."


def test_a_protected_stack_prevents_the_whole_teardown(
    deploy: Callable[..., Deployed], cloudformation: CloudFormationClient, s3: S3Client
) -> None:
    loose, protected = deploy({"Inputs": BUCKET}), deploy({"Inputs": BUCKET}, protected=True)
    fill(s3, loose["Inputs"])

    result = destroy(loose.name, protected.name, "--yes")

    assert result.exit_code == 1
    assert f"Error: Nothing was deleted. Termination protection is on for {protected.name}: " in result.output
    assert exists(cloudformation, loose.name)
    assert len(s3.list_objects_v2(Bucket=loose["Inputs"])["Contents"]) == 2


def test_a_retained_bucket_keeps_its_contents_and_is_listed(
    deploy: Callable[..., Deployed], cloudformation: CloudFormationClient, s3: S3Client
) -> None:
    stack = deploy({"Kept": {**BUCKET, "DeletionPolicy": "Retain"}, "Going": BUCKET})
    fill(s3, stack["Kept"])

    result = destroy(stack.name, "--yes")

    assert result.exit_code == 0, result.output
    assert f"stack {stack.name}, 1 resource\n" in result.output
    left = result.output.partition("What is left:")[2]
    assert f"AWS::S3::Bucket {stack['Kept']} (Retain)" in left
    assert stack["Going"] not in left
    assert not exists(cloudformation, stack.name)
    assert len(s3.list_object_versions(Bucket=stack["Kept"])["Versions"]) == 4


def test_a_failed_deletion_says_why_and_stops_and_can_be_repeated(
    deploy: Callable[..., Deployed], cloudformation: CloudFormationClient
) -> None:
    stack = deploy({"Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}})
    later = deploy({"Inputs": BUCKET})
    ec2 = boto3.client("ec2")
    subnet = ec2.create_subnet(VpcId=stack["Network"], CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]

    failed = destroy(stack.name, later.name, "--yes")
    ec2.delete_subnet(SubnetId=subnet)
    ec2.close()
    again = destroy(stack.name, later.name, "--yes")

    assert failed.exit_code == 1
    assert f"Error: Stack {stack.name} could not be deleted (Network: " in failed.output
    assert "Traceback" not in failed.output
    left = failed.output.partition("What is left:")[2]
    assert stack.name in left
    assert later.name in left
    assert again.exit_code == 0, again.output
    assert not exists(cloudformation, stack.name)
    assert not exists(cloudformation, later.name)


def test_a_log_group_that_outlives_its_function_is_listed(deploy: Callable[..., Deployed]) -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ZipFile": "def handler(event, context): pass"},
            "Handler": "index.handler",
            "Runtime": "python3.12",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        },
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}}
    stack = deploy({"Role": role, "Submit": function, "Record": function})
    logs = boto3.client("logs")
    for name in (f"/aws/lambda/{stack['Submit']}", f"/aws/lambda/{stack['Record']}-of-another"):
        logs.create_log_group(logGroupName=name)
    logs.close()

    result = destroy(stack.name, "--yes")

    assert result.exit_code == 0, result.output
    assert [line for line in result.output.splitlines() if "log group" in line] == [
        f"  log group /aws/lambda/{stack['Submit']}"
    ]


def test_a_policy_attached_elsewhere_prevents_the_teardown_and_says_where(
    deploy: Callable[..., Deployed], cloudformation: CloudFormationClient
) -> None:
    document = {"Version": "2012-10-17", "Statement": []}
    stack = deploy(
        {
            "Caller": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}},
            "Own": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": document, "ManagedPolicyArns": [{"Ref": "Caller"}]},
            },
        }
    )
    iam, user = boto3.client("iam"), f"somebody-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    iam.attach_user_policy(UserName=user, PolicyArn=stack["Caller"])

    refused = destroy(stack.name, "--yes")
    iam.detach_user_policy(UserName=user, PolicyArn=stack["Caller"])
    iam.close()
    done = destroy(stack.name, "--yes")

    assert refused.exit_code == 1
    assert f"Error: Nothing was deleted. Policy {stack['Caller']} of stack {stack.name} is attached to {user}: " in (
        refused.output
    )
    assert done.exit_code == 0, done.output
    assert not exists(cloudformation, stack.name)


def test_a_protected_table_prevents_the_teardown(
    deploy: Callable[..., Deployed], cloudformation: CloudFormationClient
) -> None:
    stack = deploy({"Jobs": {**TABLE, "Properties": {**TABLE["Properties"], "DeletionProtectionEnabled": True}}})

    result = destroy(stack.name, "--yes")

    assert result.exit_code == 1
    assert f"Deletion protection is on for table {stack['Jobs']}" in result.output
    assert exists(cloudformation, stack.name)


def test_a_stage_names_its_three_stacks_in_the_order_of_their_deletion() -> None:
    done = destroy("--stage", "nowhere", "--yes")
    assert done.exit_code == 0, done.output
    assert [line.split()[4] for line in done.output.splitlines() if line.startswith("There is no stack")] == [
        f"async-endpoint-nowhere-{part}" for part in ("workflow", "endpoint", "foundation")
    ]


@pytest.mark.parametrize("arguments", [[], ["--stage", "dev", "mine"]])
def test_either_a_stage_or_stacks_are_deleted(arguments: list[str]) -> None:
    done = destroy(*arguments, "--yes")
    assert done.exit_code == 2
    assert "Name what to delete: a stage by --stage, or stacks." in done.output
