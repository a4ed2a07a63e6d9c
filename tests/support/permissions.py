"""Which permissions calls of boto3 need, and whether policies grant them."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

from tests.support.why_stage import client

_ACCOUNT = "000000000000"
# Where IAM names an action otherwise than the API names the call.
_ACTIONS = {
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
}
_Names = Callable[[dict[str, Any]], Sequence[str]]
# What a call is about, as the end of its ARN; "*" where IAM knows no resource.
_RESOURCES: dict[str, _Names] = {
    "application-autoscaling": lambda _: ["*"],
    "cloudformation": lambda call: [f"stack/{call['StackName']}/any"],
    "cloudwatch:DescribeAlarms": lambda call: [f"alarm:{name}" for name in call["AlarmNames"]],
    "cloudwatch:GetMetricData": lambda _: ["*"],
    "dynamodb": lambda call: [f"table/{call['TableName']}"],
    "dynamodb:Query": lambda call: [f"table/{call['TableName']}/index/{call['IndexName']}"],
    "events:DescribeRule": lambda call: [f"rule/{call['Name']}"],
    "events:ListTargetsByRule": lambda call: [f"rule/{call['Rule']}"],
    "iam:ListAttachedRolePolicies": lambda call: [f"role/{call['RoleName']}"],
    "iam:SimulatePrincipalPolicy": lambda call: [call["PolicySourceArn"].rpartition(":")[2]],
    "kms:DescribeKey": lambda call: [f"key/{call['KeyId']}"],
    "lambda:GetEventSourceMapping": lambda call: [f"event-source-mapping:{call['UUID']}"],
    "lambda:GetFunction": lambda call: [f"function:{call['FunctionName']}"],
    "lambda:GetPolicy": lambda call: [f"function:{call['FunctionName']}"],
    "logs": lambda call: [f"log-group:{_group(call['logGroupName'])}:log-stream:{call.get('logStreamName', '')}"],
    "s3": lambda call: [call["Bucket"]],
    "s3:HeadObject": lambda call: [f"{call['Bucket']}/{call['Key']}"],
    "sagemaker:DescribeEndpoint": lambda call: [f"endpoint/{call['EndpointName']}"],
    "sagemaker:DescribeEndpointConfig": lambda call: [f"endpoint-config/{call['EndpointConfigName']}"],
    "sagemaker:DescribeModel": lambda call: [f"model/{call['ModelName']}"],
    "sns": lambda call: [call["TopicArn"].rpartition(":")[2]],
    "sqs": lambda call: [call["QueueUrl"].rpartition("/")[2]],
}  # fmt: skip


def _group(name: str) -> str:
    """The name that CloudFormation gives a group of a stack; the local AWS has /aws/cloudformation/STACK/ID."""
    return name.removeprefix("/aws/cloudformation/").replace("/", "-") if name.startswith("/aws/cloudf") else name


@dataclass(frozen=True)
class Need:
    """An action on a resource, and the prefix of the keys that it lists."""

    action: str
    arn: str
    prefix: str | None = None


@contextmanager
def recorded() -> Iterator[set[Need]]:
    """Collects what all calls of boto3 need meanwhile, which go through as usual."""
    needs: set[Need] = set()
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        needs.update(_needs(self.meta.service_model.service_name, operation, parameters, self.meta.region_name))
        return original(self, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", call):
        yield needs


def _needs(service: str, operation: str, call: dict[str, Any], region: str) -> Iterator[Need]:
    name = f"{service}:{operation}"
    for end in (_RESOURCES.get(name) or _RESOURCES[service])(call):
        place = "::" if service == "s3" else f":{_ACCOUNT}:" if service == "iam" else f"{region}:{_ACCOUNT}:"
        arn = "*" if end == "*" else f"arn:aws:{service}:{place}{end}"
        yield Need(_ACTIONS.get(name, name), arn, call.get("Prefix") if service == "s3" else None)


def statements_of(policy_arn: str) -> list[dict[str, Any]]:
    """The statements of a deployed managed policy."""
    iam = client("iam")
    version = iam.get_policy(PolicyArn=policy_arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=policy_arn, VersionId=version)["PolicyVersion"]["Document"]
    found: list[dict[str, Any]] = (document if isinstance(document, dict) else json.loads(document))["Statement"]
    return found


def actions_of(statements: Sequence[dict[str, Any]]) -> set[str]:
    """The actions that statements allow."""
    return {action for statement in statements for action in _listed(statement["Action"])}


def is_allowed(need: Need, statements: Sequence[dict[str, Any]]) -> bool:
    """Whether a statement allows it. Of conditions it knows that of a prefix, and no other is taken to hold."""
    return any(
        need.action in _listed(statement["Action"])
        and any(_matches(pattern, need.arn) for pattern in _listed(statement["Resource"]))
        and all(_holds(operator, keys, need) for operator, keys in statement.get("Condition", {}).items())
        for statement in statements
    )


def _holds(operator: str, keys: dict[str, str | list[str]], need: Need) -> bool:
    """Whether a call meets the conditions of one operator: each key has one of its values."""
    return all(
        key == "s3:prefix"
        and need.prefix is not None  # a condition on what a call does not have does not hold
        and any(_compares(operator, value, need.prefix) for value in _listed(values))
        for key, values in keys.items()
    )


def _compares(operator: str, value: str, prefix: str) -> bool:
    if operator == "StringLike":
        return _matches(value, prefix)
    return operator == "StringEquals" and value == prefix


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None
