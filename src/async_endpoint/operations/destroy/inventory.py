"""What a deployed stack holds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_endpoint.operations.destroy.buckets import BucketContent

BUCKET = "AWS::S3::Bucket"
ENDPOINT = "AWS::SageMaker::Endpoint"
FUNCTION = "AWS::Lambda::Function"
MANAGED_POLICY = "AWS::IAM::ManagedPolicy"
NESTED_STACK = "AWS::CloudFormation::Stack"
TABLES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")


@dataclass(frozen=True)
class Count:
    """How many there are: exactly, or at least so many where counting on would take long."""

    number: int
    exact: bool = True

    def of(self, thing: str) -> str:
        """For a person: `1 item`, `2 items`, `more than 100,000 items`."""
        return f"{'' if self.exact else 'more than '}{self.number:,} {thing}{'' if self.number == 1 else 's'}"


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    Attributes:
        kind: Its CloudFormation type.
        name: Its physical id.
        deletion_policy: `Delete` where the template gives none; what cannot be read counts as kept.
    """

    kind: str
    name: str
    deletion_policy: str = "Delete"

    @property
    def goes(self) -> bool:
        """Whether CloudFormation deletes it with its stack."""
        return self.deletion_policy == "Delete"


@dataclass(frozen=True)
class StackHoldings:
    """A deployed stack and what it holds.

    Attributes:
        stack_id: Its ARN, by which it can be asked about when it is gone.
        resources: All that exist.
        buckets: What is in the buckets that go with the stack, by name.
        tables: How many items are in the tables that go with it, by name.
    """

    name: str
    stack_id: str
    resources: tuple[Resource, ...]
    buckets: Mapping[str, BucketContent]
    tables: Mapping[str, Count]

    @property
    def place(self) -> str:
        """Account and region, for a person."""
        _, _, _, region, account, *_ = self.stack_id.split(":")
        return f"account {account}, {region}"

    @property
    def kept(self) -> list[Resource]:
        """What outlives the stack because of its deletion policy."""
        return [resource for resource in self.resources if not resource.goes]

    def going(self, kind: str) -> list[str]:
        """The names of the resources of that type that go with the stack."""
        return [resource.name for resource in self.resources if resource.kind == kind and resource.goes]

    @property
    def endpoints(self) -> list[str]:
        """The names of the endpoints that go with the stack; CloudFormation knows them by their ARNs."""
        return [name.rpartition("/")[2] for name in self.going(ENDPOINT)]
