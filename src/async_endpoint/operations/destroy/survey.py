"""Look at stacks before anything is touched: what they hold, and whether they may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.destroy.clients import TeardownError
from async_endpoint.operations.destroy.buckets import content_of
from async_endpoint.operations.destroy.inventory import (
    BUCKET,
    MANAGED_POLICY,
    NESTED_STACK,
    TABLES,
    Count,
    Resource,
    StackHoldings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_iam.client import IAMClient

    from async_endpoint.operations.destroy.clients import Aws

_NOTHING = "Nothing was deleted."
_GONE = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})


def survey(aws: Aws, names: Iterable[str]) -> tuple[list[StackHoldings], list[str]]:
    """What each stack holds, in the order given, and the names for which there is no stack.

    Raises:
        TeardownError: Something forbids to delete one of the stacks; nothing has been touched.
    """
    there: list[StackTypeDef] = []
    missing: list[str] = []
    for name in dict.fromkeys(names):
        stack = _describe(aws, name)
        if stack is None:
            missing.append(name)
        else:
            there.append(stack)
    _check_protection(there)
    _check_status(there)
    surveyed = [_holdings(aws, stack) for stack in there]
    _check_policies(aws.iam, surveyed)
    return surveyed, missing


def _describe(aws: Aws, name: str) -> StackTypeDef | None:
    try:
        return aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise


def _check_protection(stacks: Sequence[StackTypeDef]) -> None:
    protected = [stack["StackName"] for stack in stacks if stack.get("EnableTerminationProtection")]
    if protected:
        raise TeardownError(
            f"{_NOTHING} Termination protection is on for {', '.join(protected)}: a stage that is meant to go has "
            "termination_protection = false in its file and is deployed with it first."
        )


def _check_status(stacks: Sequence[StackTypeDef]) -> None:
    """CloudFormation may refuse to delete a stack that it is working on, and what it holds may still change."""
    for stack in stacks:
        status = stack["StackStatus"]
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise TeardownError(
                f"{_NOTHING} Stack {stack['StackName']} is {status}: wait until that has ended, then destroy again."
            )


def _holdings(aws: Aws, stack: StackTypeDef) -> StackHoldings:
    name, stack_id = stack["StackName"], stack["StackId"]
    resources = _resources(aws, stack_id, name)
    going = [resource for resource in resources if resource.goes]
    return StackHoldings(
        name=name,
        stack_id=stack_id,
        resources=resources,
        buckets={each.name: content_of(aws.s3, each.name) for each in going if each.kind == BUCKET},
        tables={each.name: _items(aws.dynamodb, each.name, name) for each in going if each.kind in TABLES},
    )


def _resources(aws: Aws, stack_id: str, name: str) -> tuple[Resource, ...]:
    # Transforms are gone from the processed template: deletion policies are plain text in it.
    template = aws.cloudformation.get_template(StackName=stack_id, TemplateStage="Processed")["TemplateBody"]
    if not isinstance(template, dict):  # boto3 hands JSON over as a mapping, and YAML as its text
        raise TeardownError(
            f"{_NOTHING} The template of stack {name} is not JSON, so that its deletion policies are not known: "
            "delete it by the tool that deployed it."
        )
    policies = {key: str(each.get("DeletionPolicy", "Delete")) for key, each in template.get("Resources", {}).items()}
    resources: list[Resource] = []
    for page in aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id):
        for found in page["StackResourceSummaries"]:
            if found["ResourceType"] == NESTED_STACK:
                raise TeardownError(
                    f"{_NOTHING} Stack {name} has nested stacks, which this command does not look into: "
                    "delete it by the tool that deployed it."
                )
            if (physical_id := found.get("PhysicalResourceId")) and found["ResourceStatus"] not in _GONE:
                policy = policies.get(found["LogicalResourceId"], "Delete")
                resources.append(Resource(found["ResourceType"], physical_id, policy))
    return tuple(resources)


def _items(dynamodb: DynamoDBClient, table: str, stack: str) -> Count:
    """Count one page of a table (1 MB). DynamoDB's own count is up to six hours old, and serves beyond that only."""
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


def _check_policies(iam: IAMClient, stacks: Sequence[StackHoldings]) -> None:
    """IAM deletes no policy that somebody has; roles of the stacks themselves go before it."""
    ours = {resource.name for stack in stacks for resource in stack.resources if resource.kind.startswith("AWS::IAM::")}
    for stack in stacks:
        for policy in stack.going(MANAGED_POLICY):
            others = sorted(_holders(iam, policy) - ours)
            if others:
                raise TeardownError(
                    f"{_NOTHING} Policy {policy} of stack {stack.name} is attached to {', '.join(others)}: "
                    "detach it first, since AWS deletes no policy that is attached."
                )


def _holders(iam: IAMClient, policy: str) -> set[str]:
    """The names of the roles, users and groups that have the policy; none where the caller may not ask."""
    holders: set[str] = set()
    try:
        for page in iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=policy):
            holders |= {role["RoleName"] for role in page["PolicyRoles"]}
            holders |= {user["UserName"] for user in page["PolicyUsers"]}
            holders |= {group["GroupName"] for group in page["PolicyGroups"]}
    except ClientError as error:
        if error.response["Error"].get("Code") not in {"AccessDenied", "NoSuchEntity"}:
            raise
    return holders
