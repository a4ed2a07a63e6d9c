"""What a teardown does when AWS is slow, busy or unwilling, and what it has emptied by the time it asks to delete."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from async_endpoint.operations.destroy import (
    Aws,
    BucketContent,
    Count,
    Deadline,
    Resource,
    StackHoldings,
    TeardownError,
    delete_stack,
    survey,
)
from async_endpoint.operations.destroy.buckets import content_of, empty
from async_endpoint.operations.destroy.deletion import wait_for_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3.client import S3Client

    from tests.support.endpoint_fixtures import Clock

STACK_ID = "arn:aws:cloudformation:ap-northeast-1:000000000000:stack/receipts/1"


@pytest.fixture
def aws(local_services: None) -> Iterator[Aws]:
    del local_services  # sets boto3's environment
    aws = Aws.of_session(boto3.Session())
    yield aws
    for client in vars(aws).values():
        client.close()


@pytest.fixture
def deadline(clock: Clock) -> Deadline:
    """A minute, looking every twenty seconds."""
    return Deadline(60, interval=20, clock=clock, sleep=clock.sleep)


@pytest.fixture
def said() -> list[str]:
    return []


def holdings(*resources: Resource, **held: Any) -> StackHoldings:
    return StackHoldings("receipts", STACK_ID, resources, held.get("buckets", {}), held.get("tables", {}))


def event(resource: str, status: str, token: str, **more: str) -> dict[str, Any]:
    return {
        "StackId": STACK_ID,
        "EventId": uuid.uuid4().hex,
        "StackName": "receipts",
        "LogicalResourceId": resource,
        "PhysicalResourceId": STACK_ID if resource == "receipts" else resource.lower(),
        "ResourceStatus": status,
        "ClientRequestToken": token,
        "Timestamp": 1_700_000_000,
        **more,
    }


def put_many(s3: S3Client, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "a", "b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    s3.delete_object(Bucket=bucket, Key="b")


def test_a_bucket_is_empty_when_its_stack_is_asked_to_go(
    aws: Aws, s3: S3Client, deadline: Deadline, said: list[str]
) -> None:
    name = f"test-{uuid.uuid4().hex[:8]}"
    versioned = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}}
    aws.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Inputs": versioned}}))
    aws.cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    (stack,), _ = survey(aws, [name])
    (bucket,) = stack.buckets
    put_many(s3, bucket)  # after the survey: documents come until the end
    seen: list[BucketContent] = []
    aws.cloudformation.meta.events.register(
        "before-call.cloudformation.DeleteStack", lambda **_: seen.append(content_of(s3, bucket))
    )

    delete_stack(aws, stack, dataclasses.replace(deadline, sleep=lambda _: None), said.append, attempt="1")

    assert seen == [BucketContent(Count(0), Count(0))]
    assert said[0] == f"bucket {bucket}: emptied, 4 versions deleted"


@pytest.mark.parametrize("versioned", [True, False])
def test_an_emptied_bucket_can_be_deleted(s3: S3Client, bucket: str, said: list[str], *, versioned: bool) -> None:
    if versioned:
        put_many(s3, bucket)
    s3.put_object(Bucket=bucket, Key="c", Body=b"1")
    s3.create_multipart_upload(Bucket=bucket, Key="unfinished")

    empty(s3, bucket, said.append)

    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)  # refused for a bucket that holds a version
    empty(s3, bucket, said.append)
    assert content_of(s3, bucket).versions == Count(0)
    assert len(said) == 1


def test_more_than_one_page_is_deleted_and_told_on_the_way(
    s3: S3Client, bucket: str, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("async_endpoint.operations.destroy.buckets._TOLD_EVERY", 1000)
    for number in range(1003):
        s3.put_object(Bucket=bucket, Key=f"{number}", Body=b"")

    empty(s3, bucket, said.append)

    assert said == [
        f"bucket {bucket}: 1,000 versions deleted so far",
        f"bucket {bucket}: emptied, 1,003 versions deleted",
    ]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_counting_ends_where_it_would_take_long(s3: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put_many(s3, bucket)
    assert str(content_of(s3, bucket)) == "1 object, 4 versions with old ones and delete markers"
    monkeypatch.setattr("async_endpoint.operations.destroy.buckets._COUNTED", 4)
    assert str(content_of(s3, bucket)) == ("more than 1 object, more than 4 versions with old ones and delete markers")


def test_an_object_that_s3_keeps_ends_the_teardown(s3: S3Client, said: list[str]) -> None:
    with Stubber(s3) as stub:
        version = {"Key": "a", "VersionId": "1", "IsLatest": True}
        stub.add_response("list_object_versions", {"IsTruncated": False, "Versions": [version]})
        locked = {"Key": "a", "Code": "AccessDenied", "Message": "Object is WORM protected."}
        stub.add_response("delete_objects", {"Errors": [locked]})
        with pytest.raises(TeardownError, match=r"'a' of bucket inputs \(AccessDenied: Object is WORM protected\.\)"):
            empty(s3, "inputs", said.append)
    assert said == []


def test_a_large_table_is_counted_by_its_first_page_or_by_dynamodb(aws: Aws) -> None:
    name = f"test-{uuid.uuid4().hex[:8]}"
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        },
    }
    aws.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Jobs": table}}))
    aws.cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    jobs = aws.cloudformation.describe_stack_resources(StackName=name)["StackResources"][0]["PhysicalResourceId"]
    for number in range(4):
        aws.dynamodb.put_item(TableName=jobs, Item={"id": {"S": str(number)}, "text": {"S": "x" * 390_000}})

    (stack,), _ = survey(aws, [name])

    assert stack.tables[jobs].of("item") == "more than 4 items"  # DynamoDB's count, where one page holds three


@pytest.mark.parametrize(
    "status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS"]
)
def test_a_stack_that_is_being_worked_on_keeps_all_of_them(aws: Aws, status: str) -> None:
    found = {"StackName": "receipts", "StackId": STACK_ID, "CreationTime": 0, "StackStatus": status}
    with Stubber(aws.cloudformation) as stub:
        stub.add_response("describe_stacks", {"Stacks": [found]})
        with pytest.raises(TeardownError, match=f"Nothing was deleted. Stack receipts is {status}: wait"):
            survey(aws, ["receipts"])


@pytest.mark.parametrize(
    ("template", "resource", "reason"),
    [
        ("Resources: {}", "AWS::SNS::Topic", "is not JSON"),
        ('{"Resources": {}}', "AWS::CloudFormation::Stack", "has nested stacks"),
    ],
)
def test_what_cannot_be_looked_into_is_left_to_others(aws: Aws, template: str, resource: str, reason: str) -> None:
    stack = {"StackName": "receipts", "StackId": STACK_ID, "CreationTime": 0, "StackStatus": "CREATE_COMPLETE"}
    found = {
        "LogicalResourceId": "A",
        "PhysicalResourceId": "a",
        "ResourceType": resource,
        "ResourceStatus": "CREATE_COMPLETE",
        "LastUpdatedTimestamp": 0,
    }
    with Stubber(aws.cloudformation) as stub:
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        stub.add_response("get_template", {"TemplateBody": template})
        stub.add_response("list_stack_resources", {"StackResourceSummaries": [found]})
        with pytest.raises(TeardownError, match=f"Nothing was deleted.*receipts {reason}"):
            survey(aws, ["receipts"])


def test_what_is_gone_already_and_what_never_came_are_not_listed(aws: Aws) -> None:
    stack = {"StackName": "receipts", "StackId": STACK_ID, "CreationTime": 0, "StackStatus": "DELETE_FAILED"}
    topic = {"ResourceType": "AWS::SNS::Topic", "LastUpdatedTimestamp": 0}
    found = [
        {**topic, "LogicalResourceId": "A", "PhysicalResourceId": "a", "ResourceStatus": "DELETE_COMPLETE"},
        {**topic, "LogicalResourceId": "B", "ResourceStatus": "CREATE_FAILED"},
        {**topic, "LogicalResourceId": "C", "PhysicalResourceId": "c", "ResourceStatus": "DELETE_FAILED"},
    ]
    with Stubber(aws.cloudformation) as stub:
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        stub.add_response("get_template", {"TemplateBody": '{"Resources": {"C": {"DeletionPolicy": "Delete"}}}'})
        stub.add_response("list_stack_resources", {"StackResourceSummaries": found})
        (surveyed,), missing = survey(aws, ["receipts"])
    assert surveyed.resources == (Resource("AWS::SNS::Topic", "c", "Delete"),)
    assert missing == []


def test_a_deletion_is_waited_for_until_the_time_is_over(
    aws: Aws, deadline: Deadline, said: list[str], clock: Clock
) -> None:
    old = event("receipts", "DELETE_FAILED", "destroy-0")
    begun = event("receipts", "DELETE_IN_PROGRESS", "destroy-1")
    topic = event("Topic", "DELETE_COMPLETE", "destroy-1")
    with Stubber(aws.cloudformation) as stub:
        stub.add_response("delete_stack", {}, {"StackName": STACK_ID, "ClientRequestToken": "destroy-1"})
        for events in ([old], [begun, old], [topic, begun, old], [topic, begun, old]):
            stub.add_response("describe_stack_events", {"StackEvents": events}, {"StackName": ANY})
        with pytest.raises(TeardownError, match=r"Stack receipts was not gone after 60 s: .* --timeout"):
            delete_stack(
                aws,
                holdings(Resource("t", "topic"), Resource("t", "queue")),
                deadline,
                said.append,
                attempt="destroy-1",
            )
    assert clock.sleeps == [20, 20, 20]
    assert said == [
        "receipts: 0 of 2 resources gone, 0 s",
        "receipts: 1 of 2 resources gone, 40 s",
    ]


def test_a_failed_deletion_gives_every_reason_of_this_attempt_and_none_of_an_earlier(
    aws: Aws, deadline: Deadline, said: list[str]
) -> None:
    events = [
        event("receipts", "DELETE_FAILED", "destroy-1", ResourceStatusReason="The following resource(s) failed"),
        event("Inputs", "DELETE_FAILED", "destroy-1", ResourceStatusReason="The bucket is not empty"),
        event("Caller", "DELETE_FAILED", "destroy-1"),
        event("Jobs", "DELETE_FAILED", "destroy-0", ResourceStatusReason="long ago"),
    ]
    with Stubber(aws.cloudformation) as stub:
        stub.add_response("delete_stack", {})
        stub.add_response("describe_stack_events", {"StackEvents": events})
        with pytest.raises(
            TeardownError, match=r"\(Caller: no reason given; Inputs: The bucket is not empty\): remove the cause"
        ):
            delete_stack(aws, holdings(), deadline, said.append, attempt="destroy-1")


@pytest.fixture
def endpoint_is(aws: Aws) -> Iterator[Callable[..., None]]:
    """Scripts what SageMaker answers, look by look."""
    with Stubber(aws.sagemaker) as stub:

        def script(*statuses: str) -> None:
            described = {"EndpointName": "receipts", "EndpointArn": "arn:aws:sagemaker:a:1:endpoint/receipts"}
            times = {"CreationTime": 0, "LastModifiedTime": 0}
            for status in statuses:
                stub.add_response("describe_endpoint", {**described, **times, "EndpointStatus": status})

        yield script
        stub.assert_no_pending_responses()


def test_an_endpoint_that_is_being_changed_is_waited_for(
    aws: Aws, endpoint_is: Callable[..., None], deadline: Deadline, said: list[str], clock: Clock
) -> None:
    endpoint_is("Updating", "Updating", "InService")
    wait_for_endpoint(aws.sagemaker, "receipts", deadline, said.append)
    assert said == ["endpoint receipts is Updating: waiting until that has ended"]
    assert clock.sleeps == [20, 20]


def test_an_endpoint_that_never_settles_keeps_its_stack(
    aws: Aws, endpoint_is: Callable[..., None], deadline: Deadline, said: list[str]
) -> None:
    endpoint_is(*["Creating"] * 4)
    arn = "arn:aws:sagemaker:ap-northeast-1:000000000000:endpoint/receipts"
    with Stubber(aws.cloudformation), pytest.raises(TeardownError, match="Endpoint receipts was still Creating after"):
        delete_stack(aws, holdings(Resource("AWS::SageMaker::Endpoint", arn)), deadline, said.append, attempt="1")


@pytest.mark.parametrize(("message", "refused"), [("Could not find endpoint", False), ("No access", True)])
def test_an_endpoint_that_is_gone_is_not_waited_for(
    aws: Aws, deadline: Deadline, said: list[str], message: str, *, refused: bool
) -> None:
    with Stubber(aws.sagemaker) as stub:
        stub.add_client_error("describe_endpoint", "ValidationException", message)
        if refused:
            with pytest.raises(ClientError, match=message):
                wait_for_endpoint(aws.sagemaker, "receipts", deadline, said.append)
        else:
            wait_for_endpoint(aws.sagemaker, "receipts", deadline, said.append)
    assert said == []
