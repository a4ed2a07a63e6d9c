"""Versions that have served are kept in order, ten of them, and nothing else in the bucket is touched."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3.client import S3Client

from async_endpoint.operations.deploy.deployed_stack import DeployedStack, digest_of, read_stack
from async_endpoint.operations.deploy.versions import KEPT_VERSIONS, VersionKeeper, VersionStore

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)
STACK = "async-endpoint-dev-endpoint"
ACCOUNT = "000000000000"
BOOTSTRAP = {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/q1/version"}}


def template(number: int) -> dict[str, Any]:
    return {"Parameters": BOOTSTRAP, "Resources": {"Model": {"Type": "AWS::SageMaker::Model", "Number": number}}}


@pytest.fixture
def store(s3: S3Client, bucket: str) -> VersionStore:
    return VersionStore(s3, bucket=bucket, account=ACCOUNT, stack=STACK)


def numbers(store: VersionStore) -> list[int]:
    return [store.read(each)["Resources"]["Model"]["Number"] for each in store.list()]


def test_a_version_that_serves_again_is_the_newest_and_there_once(store: VersionStore) -> None:
    for minute, number in enumerate((1, 2, 3, 1)):
        store.keep(template(number), NOON + timedelta(minutes=minute))
    assert numbers(store) == [2, 3, 1]


def test_the_newest_ten_are_kept_and_other_objects_stay(store: VersionStore, s3: S3Client, bucket: str) -> None:
    others = ["0123.tar.gz", f"async-endpoint-versions/{STACK}-2/x.template.json"]
    for key in others:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    for number in range(KEPT_VERSIONS + 2):
        store.keep(template(number), NOON + timedelta(minutes=number))
    assert numbers(store) == list(range(2, KEPT_VERSIONS + 2))
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert set(others) <= set(keys)
    assert len(keys) == KEPT_VERSIONS + len(others)


def test_a_version_is_named_by_time_and_digest_whatever_the_order_of_members(store: VersionStore) -> None:
    kept = store.keep(template(1), NOON)
    assert kept.name == f"20270115T120000.000000Z-{digest_of(template(1))[:12]}"
    assert kept.has(dict(reversed(template(1).items())))
    assert not kept.has(template(2))
    assert store.url(kept).endswith(f"/async-endpoint-versions/{STACK}/{kept.name}.template.json")


def test_the_bucket_is_that_of_the_bootstrap_that_the_template_names() -> None:
    deployed = DeployedStack(STACK, ACCOUNT, "eu-west-1", template(1))
    assert deployed.asset_bucket == f"cdk-q1-assets-{ACCOUNT}-eu-west-1"
    assert DeployedStack(STACK, ACCOUNT, "eu-west-1", {"Resources": {}}).asset_bucket is None


class CloudFormation:
    """A stack whose template a test sets; None for no stack."""

    def __init__(self, deployed: dict[str, Any] | None, status: str = "UPDATE_COMPLETE") -> None:
        self.deployed, self.status = deployed, status

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        if self.deployed is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": f"{StackName} does not exist"}}, "D")
        arn = f"arn:aws:cloudformation:ap-northeast-1:{ACCOUNT}:stack/{StackName}/1"
        return {"Stacks": [{"StackStatus": self.status, "StackId": arn}]}

    def get_template(self, **_: str) -> dict[str, Any]:
        return {"TemplateBody": self.deployed}


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_whose_creation_failed_has_no_version(status: str) -> None:
    cloudformation: Any = CloudFormation(template(1), status)
    assert read_stack(cloudformation, STACK) is None


class Deploys:
    """Deploys with a keeper around them; whether the endpoint serves what is deployed is a test's choice."""

    def __init__(self, s3: S3Client) -> None:
        self.aws = CloudFormation(None)
        self.serves = True
        self.said: list[str] = []
        self.minutes: Iterator[int] = iter(range(100))
        self.s3 = s3
        self.store = VersionStore(s3, bucket=f"cdk-q1-assets-{ACCOUNT}-ap-northeast-1", account=ACCOUNT, stack=STACK)

    def __call__(self, number: int, *, serves: bool = True) -> list[int]:
        """Deploys a template; returns the kept ones."""
        keeper = VersionKeeper(
            self.aws,  # type: ignore[arg-type]
            self.s3,
            stack=STACK,
            serves=lambda: self.serves and self.aws.deployed is not None,
            say=self.said.append,
            now=lambda: NOON + timedelta(minutes=next(self.minutes)),
        )
        keeper.before()
        self.aws.deployed, self.serves = template(number), serves
        keeper.after()
        return numbers(self.store)


@pytest.fixture
def deploys(s3: S3Client) -> Iterator[Deploys]:
    name = f"cdk-q1-assets-{ACCOUNT}-ap-northeast-1"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    yield Deploys(s3)
    for found in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=found["Key"])
    s3.delete_bucket(Bucket=name)


def test_each_version_that_serves_is_kept_once(deploys: Deploys) -> None:
    assert deploys(1) == [1]
    assert deploys(1) == [1]
    assert deploys(2) == [1, 2]


def test_one_that_does_not_serve_is_not_kept_and_the_one_before_is_the_newest(deploys: Deploys) -> None:
    deploys(1)
    deploys(2)
    assert deploys(3, serves=False) == [1, 2]
    assert deploys(4) == [1, 2, 4]


def test_after_a_rollback_the_next_deploy_has_the_rolled_back_version_before_it(deploys: Deploys) -> None:
    deploys(1)
    deploys(2)
    deploys(3)
    deploys.aws.deployed = template(2)  # rolled back
    assert deploys(4) == [1, 3, 2, 4]


def test_a_version_that_another_tool_deployed_is_kept_when_it_is_replaced(deploys: Deploys) -> None:
    deploys.aws.deployed = template(1)
    assert deploys(2) == [1, 2]


def test_an_error_of_aws_is_a_line_and_no_more(deploys: Deploys) -> None:
    deploys(1)
    for version in deploys.store.list():
        deploys.s3.delete_object(Bucket=deploys.store._bucket, Key=deploys.store._key(version))
    deploys.s3.delete_bucket(Bucket=deploys.store._bucket)
    with pytest.raises(ClientError):
        deploys(2)  # the test reads the store
    assert [line.partition(":")[0] for line in deploys.said] == ["The version is not kept for a rollback"]
    deploys.s3.create_bucket(
        Bucket=deploys.store._bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
