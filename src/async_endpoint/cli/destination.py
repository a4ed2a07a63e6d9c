"""Where documents are sent: the options that name an endpoint and the prefix of its uploads."""

from __future__ import annotations

from dataclasses import dataclass

import click
from botocore.exceptions import BotoCoreError

from async_endpoint.cli.aws_session import reading_session
from async_endpoint.cli.option_group import option_group
from async_endpoint.operations.jobs.workflow import endpoint_stack_name
from async_endpoint.operations.stack_outputs import StackError, read_outputs
from async_endpoint.protocol import RUN_UPLOADS, LocationError, S3Location


@dataclass(frozen=True)
class Destination:
    """What the options name; None, or no stack, where they do not."""

    stage: str | None
    stacks: tuple[str, ...]
    endpoint: str | None
    inputs: str | None

    def resolve(self) -> tuple[str, S3Location]:
        """Returns the endpoint's name and the upload prefix, from the options or else from the stacks' outputs.

        Raises:
            click.UsageError: One of the two is not named, or the prefix is not in S3.
            click.ClickException: A stack cannot be read.
        """
        stacks = self.stacks if self.stage is None else (*self.stacks, endpoint_stack_name(self.stage))
        outputs: dict[str, str] = {}
        if stacks:
            try:
                outputs = read_outputs(reading_session().client("cloudformation"), stacks)
            except (StackError, BotoCoreError) as error:
                raise click.ClickException(str(error)) from error
        bucket = outputs.get("InputBucketName")
        endpoint = self.endpoint or outputs.get("EndpointName")
        inputs = self.inputs or (f"s3://{bucket}/{RUN_UPLOADS}" if bucket else None)
        if not endpoint:
            raise click.UsageError(
                "Name the endpoint by --stage, by --endpoint, or by --stack a stack with the output EndpointName."
            )
        if not inputs:
            raise click.UsageError(
                "Name the upload prefix by --stage, by --input, or by --stack a stack with the output InputBucketName."
            )
        try:
            return endpoint, S3Location.from_prefix_uri(inputs)
        except LocationError as error:
            raise click.UsageError(f"--input: {error}") from error


destination_options = option_group(
    "destination",
    Destination,
    click.option("--stage", metavar="NAME", help="The stage: its stack async-endpoint-NAME-endpoint."),
    click.option(
        "--stack",
        "stacks",
        metavar="NAME",
        multiple=True,
        help="Read endpoint and bucket from this stack's outputs EndpointName and InputBucketName; repeat it if "
        "two stacks have them.",
    ),
    click.option("--endpoint", metavar="NAME", help="The endpoint's name."),
    click.option("--input", "inputs", metavar="S3_PREFIX", help="Upload documents here: s3://bucket/prefix."),
)
"""Adds `--stage`, `--stack`, `--endpoint` and `--input`."""
