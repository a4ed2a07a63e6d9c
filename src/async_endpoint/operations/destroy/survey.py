"""The survey of stacks before a teardown: their contents, and whether they may be deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.destroy.inventory import (
    BUCKET,
    MANAGED_POLICY,
    NESTED_STACK,
    TABLES,
    BucketContent,
    Count,
    Resource,
    StackInventory,
    TeardownError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef

    from async_endpoint.operations.destroy.clients import TeardownClients

COUNTED_VERSIONS = 100_000
"""Counting the versions in a bucket stops here, after a hundred listings."""

_NOTHING = "Nothing was deleted."
_GONE = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})


def survey(clients: TeardownClients, names: Iterable[str]) -> tuple[list[StackInventory], list[str]]:
    """Returns the inventory of each stack, in the order given, and the names of the stacks that do not exist.

    Raises:
        TeardownError: One of the stacks must not be deleted; nothing has been changed.
    """
    found: list[StackTypeDef] = []
    missing: list[str] = []
    for name in dict.fromkeys(names):
        stack = _describe(clients, name)
        if stack is None:
            missing.append(name)
        else:
            found.append(stack)
    _check_protection(found)
    _check_status(found)
    inventories = [_inventory(clients, stack) for stack in found]
    _check_policies(clients.iam, inventories)
    return inventories, missing


def count_objects(s3: S3Client, bucket: str, *, most: int = COUNTED_VERSIONS) -> BucketContent:
    """Counts the objects in a bucket, until `most` versions are counted; a bucket that does not exist is empty."""
    objects = versions = 0
    for page in version_pages(s3, bucket):
        found = page.get("Versions", [])
        objects += sum(version["IsLatest"] for version in found)
        versions += len(found) + len(page.get("DeleteMarkers", []))
        if versions >= most:
            return BucketContent(Count(objects, exact=False), Count(versions, exact=False))
    return BucketContent(Count(objects), Count(versions))


def version_pages(s3: S3Client, bucket: str) -> Iterator[ListObjectVersionsOutputTypeDef]:
    """Yields the versions and delete markers in a bucket, a page at a time; none if there is no such bucket."""
    try:
        yield from s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return


def _describe(clients: TeardownClients, name: str) -> StackTypeDef | None:
    try:
        return clients.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise


def _check_protection(stacks: Sequence[StackTypeDef]) -> None:
    protected = [stack["StackName"] for stack in stacks if stack.get("EnableTerminationProtection")]
    if protected:
        raise TeardownError(
            f"{_NOTHING} Termination protection is on for {', '.join(protected)}: set termination_protection = false "
            "in the stage's file and deploy that first."
        )


def _check_status(stacks: Sequence[StackTypeDef]) -> None:
    """Rejects stacks that CloudFormation is working on: it may not delete them, and their contents may change."""
    for stack in stacks:
        status = stack["StackStatus"]
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise TeardownError(
                f"{_NOTHING} Stack {stack['StackName']} is {status}: wait until CloudFormation has finished, then "
                "destroy again."
            )


def _inventory(clients: TeardownClients, stack: StackTypeDef) -> StackInventory:
    name, stack_id = stack["StackName"], stack["StackId"]
    resources = _resources(clients, stack_id, name)
    deleted = [resource for resource in resources if resource.is_deleted]
    return StackInventory(
        name=name,
        stack_id=stack_id,
        resources=resources,
        buckets={each.name: count_objects(clients.s3, each.name) for each in deleted if each.kind == BUCKET},
        tables={each.name: _count_items(clients.dynamodb, each.name, name) for each in deleted if each.kind in TABLES},
    )


def _resources(clients: TeardownClients, stack_id: str, name: str) -> tuple[Resource, ...]:
    # The processed template has no transforms left: deletion policies are plain text in it.
    template = clients.cloudformation.get_template(StackName=stack_id, TemplateStage="Processed")["TemplateBody"]
    if not isinstance(template, dict):  # boto3 returns JSON as a mapping, and YAML as its text
        raise TeardownError(
            f"{_NOTHING} The template of stack {name} is not JSON, so its deletion policies are unknown: delete the "
            "stack with the tool that deployed it."
        )
    policies = {key: str(each.get("DeletionPolicy", "Delete")) for key, each in template.get("Resources", {}).items()}
    resources: list[Resource] = []
    for page in clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id):
        for found in page["StackResourceSummaries"]:
            if found["ResourceType"] == NESTED_STACK:
                raise TeardownError(
                    f"{_NOTHING} Stack {name} has nested stacks, which this command does not support: delete the "
                    "stack with the tool that deployed it."
                )
            if (physical_id := found.get("PhysicalResourceId")) and found["ResourceStatus"] not in _GONE:
                policy = policies.get(found["LogicalResourceId"], "Delete")
                resources.append(Resource(found["ResourceType"], physical_id, policy))
    return tuple(resources)


def _count_items(dynamodb: DynamoDBClient, table: str, stack: str) -> Count:
    """Counts the first page of a table (1 MB). Beyond it, DynamoDB's own count, up to six hours old, has to do."""
    try:
        described = dynamodb.describe_table(TableName=table)["Table"]
        if described.get("DeletionProtectionEnabled"):
            raise TeardownError(
                f"{_NOTHING} Deletion protection is on for table {table} of stack {stack}: turn it off first."
            )
        page = dynamodb.scan(TableName=table, Select="COUNT")
    except dynamodb.exceptions.ResourceNotFoundException:
        return Count(0)
    if "LastEvaluatedKey" not in page:
        return Count(page["Count"])
    return Count(max(page["Count"], described.get("ItemCount", 0)), exact=False)


def _check_policies(iam: IAMClient, stacks: Sequence[StackInventory]) -> None:
    """Rejects stacks with a policy attached elsewhere; roles of the stacks are deleted before their policies."""
    own = {resource.name for stack in stacks for resource in stack.resources if resource.kind.startswith("AWS::IAM::")}
    for stack in stacks:
        for policy in stack.deleted(MANAGED_POLICY):
            others = sorted(_attached_to(iam, policy) - own)
            if others:
                raise TeardownError(
                    f"{_NOTHING} Policy {policy} of stack {stack.name} is attached to {', '.join(others)}: "
                    "detach it first, since AWS deletes no policy that is attached."
                )


def _attached_to(iam: IAMClient, policy: str) -> set[str]:
    """Returns the roles, users and groups that a policy is attached to; none if the caller may not list them."""
    names: set[str] = set()
    try:
        for page in iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=policy):
            names |= {role["RoleName"] for role in page["PolicyRoles"]}
            names |= {user["UserName"] for user in page["PolicyUsers"]}
            names |= {group["GroupName"] for group in page["PolicyGroups"]}
    except ClientError as error:
        if error.response["Error"].get("Code") not in {"AccessDenied", "NoSuchEntity"}:
            raise
    return names
