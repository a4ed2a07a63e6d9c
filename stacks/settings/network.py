"""The settings of the instances' network."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from stacks.settings.base import Section
from stacks.settings.fields import ListOf, SettingsError, matching

SubnetId = Annotated[str, matching("subnet-[0-9a-f]{8,17}", "a subnet's id, such as subnet-0123456789abcdef0")]
SecurityGroupId = Annotated[str, matching("sg-[0-9a-f]{8,17}", "a security group's id, such as sg-0123456789abcdef0")]


class NetworkSettings(Section):
    """Where instances run: in SageMaker's network or in subnets of the account, isolated or not."""

    table: ClassVar[str] = "network"

    subnet_ids: ListOf[SubnetId] = Field(
        (),
        max_length=16,
        description="Subnets of a VPC. They must reach S3, SNS, ECR and CloudWatch, by VPC endpoints or NAT. "
        "Without subnets, instances run in SageMaker's network.",
    )
    security_group_ids: ListOf[SecurityGroupId] = Field(
        (), max_length=5, description="Security groups of the instances. Required with subnets."
    )
    isolation: bool = Field(
        False,
        description='Whether the container has no network at all. Needs `model.dependencies = "included"`.',
    )

    @model_validator(mode="after")
    def _check_vpc(self) -> Self:
        """Checks that subnets come with security groups."""
        if bool(self.subnet_ids) != bool(self.security_group_ids):
            has, lacks = (
                ("subnet_ids", "security_group_ids") if self.subnet_ids else ("security_group_ids", "subnet_ids")
            )
            raise SettingsError(
                f"network.{has} is given and network.{lacks} is empty; instances in a VPC need both: add {lacks}, or "
                f"take {has} out."
            )
        return self
