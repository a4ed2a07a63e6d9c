"""The deletion empties buckets, waits for endpoints and CloudFormation, and stops at the first failure."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY, Stubber

from async_endpoint.operations.destroy.deletion import Teardown, empty_bucket
from async_endpoint.operations.destroy.inventory import BucketContent, Count, Resource, StackInventory, TeardownError
from async_endpoint.operations.destroy.survey import count_objects, survey
from tests.operations.destroy.buckets import put_versions

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from async_endpoint.operations.deadline import Deadline
    from async_endpoint.operations.destroy.clients import TeardownClients
    from tests.support.endpoint_fixtures import Clock


STACK_ID = "arn:aws:cloudformation:ap-northeast-1:000000000000:stack/receipts/1"


def inventory(*resources: Resource, **held: Any) -> StackInventory:
    return StackInventory("receipts", STACK_ID, resources, held.get("buckets", {}), held.get("tables", {}))


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


def test_a_bucket_is_empty_when_its_stack_is_deleted(
    aws: TeardownClients, s3: S3Client, deadline: Deadline, said: list[str]
) -> None:
    name = f"test-{uuid.uuid4().hex[:8]}"
    versioned = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}}
    aws.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Inputs": versioned}}))
    aws.cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    (stack,), _ = survey(aws, [name])
    (bucket,) = stack.buckets
    put_versions(s3, bucket)  # after the survey: documents may arrive until the deletion
    seen: list[BucketContent] = []
    aws.cloudformation.meta.events.register(
        "before-call.cloudformation.DeleteStack", lambda **_: seen.append(count_objects(s3, bucket))
    )

    impatient = dataclasses.replace(deadline, sleep=lambda _: None)
    Teardown(aws, [stack], impatient, said.append).run()

    assert seen == [BucketContent(Count(0), Count(0))]
    assert said[0] == f"bucket {bucket}: emptied, 4 versions deleted"


@pytest.mark.parametrize("versioned", [True, False])
def test_an_emptied_bucket_can_be_deleted(s3: S3Client, bucket: str, said: list[str], *, versioned: bool) -> None:
    if versioned:
        put_versions(s3, bucket)
    s3.put_object(Bucket=bucket, Key="c", Body=b"1")
    s3.create_multipart_upload(Bucket=bucket, Key="unfinished")

    empty_bucket(s3, bucket, said.append)

    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)  # rejected for a bucket with a version
    empty_bucket(s3, bucket, said.append)
    assert count_objects(s3, bucket).versions == Count(0)
    assert len(said) == 1


def test_emptying_a_bucket_of_several_pages_reports_progress(s3: S3Client, bucket: str, said: list[str]) -> None:
    for number in range(1003):
        s3.put_object(Bucket=bucket, Key=f"{number}", Body=b"")

    empty_bucket(s3, bucket, said.append, report_every=1000)

    assert said == [
        f"bucket {bucket}: 1,000 versions deleted so far",
        f"bucket {bucket}: emptied, 1,003 versions deleted",
    ]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_an_object_that_s3_does_not_delete_is_an_error(s3: S3Client, said: list[str]) -> None:
    with Stubber(s3) as stub:
        version = {"Key": "a", "VersionId": "1", "IsLatest": True}
        stub.add_response("list_object_versions", {"IsTruncated": False, "Versions": [version]})
        locked = {"Key": "a", "Code": "AccessDenied", "Message": "Object is WORM protected."}
        stub.add_response("delete_objects", {"Errors": [locked]})
        with pytest.raises(TeardownError, match=r"'a' of bucket inputs \(AccessDenied: Object is WORM protected\.\)"):
            empty_bucket(s3, "inputs", said.append)
    assert said == []


def test_it_waits_for_a_deletion_until_the_time_is_up(
    aws: TeardownClients, deadline: Deadline, said: list[str], clock: Clock
) -> None:
    old = event("receipts", "DELETE_FAILED", "destroy-0")
    begun = event("receipts", "DELETE_IN_PROGRESS", "destroy-1")
    topic = event("Topic", "DELETE_COMPLETE", "destroy-1")
    stack = inventory(Resource("t", "topic"), Resource("t", "queue"))
    with Stubber(aws.cloudformation) as stub:
        stub.add_response("delete_stack", {}, {"StackName": STACK_ID, "ClientRequestToken": "destroy-1"})
        for events in ([old], [begun, old], [topic, begun, old], [topic, begun, old]):
            stub.add_response("describe_stack_events", {"StackEvents": events}, {"StackName": ANY})
        with pytest.raises(TeardownError, match=r"Stack receipts was not deleted after 60 s, and .* --timeout"):
            Teardown(aws, [stack], deadline, said.append, attempt="destroy-1").run()
    assert clock.sleeps == [20, 20, 20]
    assert said == [
        "receipts: 0 of 2 resources deleted, 0 s",
        "receipts: 1 of 2 resources deleted, 40 s",
    ]


def test_a_failed_deletion_reports_the_reasons_of_this_attempt_only(
    aws: TeardownClients, deadline: Deadline, said: list[str]
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
            Teardown(aws, [inventory()], deadline, said.append, attempt="destroy-1").run()


def test_an_endpoint_that_never_settles_keeps_its_stack(
    aws: TeardownClients, deadline: Deadline, said: list[str]
) -> None:
    arn = "arn:aws:sagemaker:ap-northeast-1:000000000000:endpoint/receipts"
    described = {"EndpointName": "receipts", "EndpointArn": arn, "CreationTime": 0, "LastModifiedTime": 0}
    teardown = Teardown(aws, [inventory(Resource("AWS::SageMaker::Endpoint", arn))], deadline, said.append)
    with Stubber(aws.sagemaker) as stub, Stubber(aws.cloudformation):
        for _ in range(4):
            stub.add_response("describe_endpoint", {**described, "EndpointStatus": "Creating"})
        with pytest.raises(
            TeardownError, match="Endpoint receipts was still Creating after 60 s, and its stack was not"
        ):
            teardown.run()
    assert teardown.remainder().stacks == ("receipts",)
