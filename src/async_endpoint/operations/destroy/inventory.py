"""What deployed stacks contain, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKET = "AWS::S3::Bucket"
ENDPOINT = "AWS::SageMaker::Endpoint"
FUNCTION = "AWS::Lambda::Function"
MANAGED_POLICY = "AWS::IAM::ManagedPolicy"
NESTED_STACK = "AWS::CloudFormation::Stack"
TABLES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")


class TeardownError(Exception):
    """Stacks that must not, or could not, be deleted; the message says why and what to do."""


@dataclass(frozen=True)
class Count:
    """A number of things; a lower bound if not exact, where counting all of them would take long."""

    number: int
    exact: bool = True

    def of(self, thing: str) -> str:
        """Returns the count in words: `1 item`, `2 items`, `more than 100,000 items`."""
        return f"{'' if self.exact else 'more than '}{self.number:,} {thing}{'' if self.number == 1 else 's'}"


@dataclass(frozen=True)
class BucketContent:
    """How much a bucket contains.

    Attributes:
        objects: The objects that a plain listing shows.
        versions: Everything to delete: current and old versions, and delete markers.
    """

    objects: Count
    versions: Count

    def __str__(self) -> str:
        if not self.versions.number:
            return "empty"
        if self.versions == self.objects:
            return self.objects.of("object")
        return f"{self.objects.of('object')}, {self.versions.of('version')} with old ones and delete markers"


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    Attributes:
        kind: Its CloudFormation type.
        name: Its physical id.
        deletion_policy: The template's; `Delete` by default.
    """

    kind: str
    name: str
    deletion_policy: str = "Delete"

    @property
    def is_deleted(self) -> bool:
        """Whether CloudFormation deletes the resource with its stack."""
        return self.deletion_policy == "Delete"


@dataclass(frozen=True)
class StackInventory:
    """A deployed stack and its contents.

    Attributes:
        stack_id: Its ARN, which still identifies the stack after its deletion.
        resources: All resources that exist.
        buckets: The content of the buckets that are deleted with the stack, by name.
        tables: The number of items in the tables that are deleted with the stack, by name.
    """

    name: str
    stack_id: str
    resources: tuple[Resource, ...]
    buckets: Mapping[str, BucketContent]
    tables: Mapping[str, Count]

    @property
    def place(self) -> str:
        """Account and region, in words."""
        _, _, _, region, account, *_ = self.stack_id.split(":")
        return f"account {account}, {region}"

    @property
    def retained(self) -> list[Resource]:
        """The resources that stay because of their deletion policy."""
        return [resource for resource in self.resources if not resource.is_deleted]

    def deleted(self, kind: str) -> list[str]:
        """Returns the names of the resources of a type that are deleted with the stack."""
        return [resource.name for resource in self.resources if resource.kind == kind and resource.is_deleted]

    @property
    def endpoints(self) -> list[str]:
        """The names of the endpoints that are deleted with the stack; CloudFormation identifies them by their ARNs."""
        return [name.rpartition("/")[2] for name in self.deleted(ENDPOINT)]

    @property
    def log_groups(self) -> list[str]:
        """The names of the log groups that Lambda and SageMaker create for the stack's functions and endpoints."""
        return [
            *(f"/aws/lambda/{function}" for function in self.deleted(FUNCTION)),
            *(f"/aws/sagemaker/Endpoints/{endpoint}" for endpoint in self.endpoints),
        ]


@dataclass(frozen=True)
class Remainder:
    """What is left after a teardown, complete or not.

    Attributes:
        stacks: The stacks that were not deleted.
        retained: What the deleted stacks left behind because of deletion policies.
        log_groups: Log groups of the deleted stacks' functions and endpoints; both services create such a group with
            the first line they log, also after the stack has deleted its own.
        log_groups_error: Why the log groups could not be listed, if so.
    """

    stacks: tuple[str, ...]
    retained: tuple[Resource, ...]
    log_groups: tuple[str, ...]
    log_groups_error: str | None = None
