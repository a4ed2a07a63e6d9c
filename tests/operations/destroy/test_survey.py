"""The survey counts what stacks contain, and rejects stacks that must not be deleted."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from async_endpoint.operations.destroy.inventory import Resource, TeardownError
from async_endpoint.operations.destroy.survey import count_objects, survey
from tests.operations.destroy.buckets import put_versions

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from async_endpoint.operations.destroy.clients import TeardownClients

import json

STACK_ID = "arn:aws:cloudformation:ap-northeast-1:000000000000:stack/receipts/1"


def test_counting_stops_where_it_would_take_long(s3: S3Client, bucket: str) -> None:
    put_versions(s3, bucket)
    assert str(count_objects(s3, bucket)) == "1 object, 4 versions with old ones and delete markers"
    assert str(count_objects(s3, bucket, most=4)) == (
        "more than 1 object, more than 4 versions with old ones and delete markers"
    )


def test_a_large_table_is_counted_by_its_first_page_or_by_dynamodb(aws: TeardownClients) -> None:
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

    assert stack.tables[jobs].of("item") == "more than 4 items"  # DynamoDB's count, since one page has three


@pytest.mark.parametrize(
    "status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS"]
)
def test_a_stack_that_cloudformation_works_on_prevents_the_teardown(aws: TeardownClients, status: str) -> None:
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
def test_a_stack_that_cannot_be_surveyed_prevents_the_teardown(
    aws: TeardownClients, template: str, resource: str, reason: str
) -> None:
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


def test_resources_that_are_deleted_or_were_never_created_are_not_listed(aws: TeardownClients) -> None:
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
