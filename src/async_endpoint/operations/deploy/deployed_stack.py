"""A stack as CloudFormation has it now: its template, and the bucket of its assets."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import TagTypeDef

Template = dict[str, Any]

# Of a creation that failed there is a template, but no resource; of a deleted stack neither.
_WITHOUT_RESOURCES = frozenset({"ROLLBACK_COMPLETE", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"})
_BOOTSTRAP_VERSION = re.compile(r"/cdk-bootstrap/([A-Za-z0-9]+)/version")


@dataclass(frozen=True)
class DeployedStack:
    """A stack with resources.

    Attributes:
        name: The stack's name.
        account: Its account.
        region: Its region.
        template: The template that was deployed last.
        tags: The stack's tags, as CloudFormation takes them.
        notification_arns: The topics that hear of the stack's events.
    """

    name: str
    account: str
    region: str
    template: Template
    tags: list[TagTypeDef] = field(default_factory=list)
    notification_arns: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """The digest of the template."""
        return digest_of(self.template)

    @property
    def asset_bucket(self) -> str | None:
        """The bucket to which the CDK publishes the stack's assets; None if the stack needs no bootstrap.

        The default name; the bootstrap's qualifier is in the parameter with its version:
        https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html
        """
        parameter = self.template.get("Parameters", {}).get("BootstrapVersion", {}).get("Default", "")
        found = _BOOTSTRAP_VERSION.fullmatch(str(parameter))
        return f"cdk-{found[1]}-assets-{self.account}-{self.region}" if found else None


def digest_of(template: Template) -> str:
    """Returns the digest of a template, whatever the order of its members."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()


def read_stack(cloudformation: CloudFormationClient, name: str) -> DeployedStack | None:
    """Returns a stack; None if there is none of the name, or it has no resources."""
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None
    if stack["StackStatus"] in _WITHOUT_RESOURCES:
        return None
    # As it was submitted: boto3 parses JSON.
    template: Any = cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    parsed: Template = json.loads(template) if isinstance(template, str) else json.loads(json.dumps(template))
    _, _, _, region, account, *_ = stack["StackId"].split(":")
    return DeployedStack(
        name, account, region, parsed, list(stack.get("Tags", [])), list(stack.get("NotificationARNs", []))
    )
