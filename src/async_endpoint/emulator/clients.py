"""Clients of the local AWS for the services that the emulator adds: boto3 over HTTP.

They use public interfaces only, and never run on the event loop that serves them.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient

# The user agent of the local AWS's own measurements: they are not calls of a program, and no fault strikes them.
MEASURING = "local-aws-measuring"

_CONNECTIONS = 64
_NOT_CHECKED = "local"  # a secret access key; any would do


@dataclass(frozen=True)
class AwsClients:
    """Clients of one region, made when first used; thread-safe.

    Attributes:
        endpoint_url: The local AWS's address.
        region: The region of the clients.
        account: The account that calls.
        workdir: A folder for what instances need: archives, container file systems, logs.
        agent: An addition to boto3's user agent.
    """

    endpoint_url: str
    region: str
    account: str
    workdir: Path
    agent: str | None = None

    @cached_property
    def measuring(self) -> Self:
        """The same clients for measurements and the console; no fault strikes them."""
        return replace(self, agent=MEASURING)

    @cached_property
    def s3(self) -> "S3Client":
        """The region's S3."""
        client: S3Client = self._session.client("s3", **self._options)
        return client

    @cached_property
    def sns(self) -> "SNSClient":
        """The region's SNS."""
        client: SNSClient = self._session.client("sns", **self._options)
        return client

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """The region's CloudFormation."""
        client: CloudFormationClient = self._session.client("cloudformation", **self._options)
        return client

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """The region's DynamoDB: the client of a resource, which takes and returns plain values."""
        client: DynamoDBClient = self._session.resource("dynamodb", **self._options).meta.client
        return client

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """The region's CloudWatch."""
        client: CloudWatchClient = self._session.client("cloudwatch", **self._options)
        return client

    @cached_property
    def iam(self) -> "IAMClient":
        """The account's IAM."""
        client: IAMClient = self._session.client("iam", **self._options)
        return client

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """The region's CloudWatch Logs."""
        client: CloudWatchLogsClient = self._session.client("logs", **self._options)
        return client

    @cached_property
    def sqs(self) -> "SQSClient":
        """The region's SQS."""
        client: SQSClient = self._session.client("sqs", **self._options)
        return client

    @cached_property
    def _session(self) -> boto3.Session:
        # ministack takes the access key as the account's number; no credential is checked.
        return boto3.Session(
            aws_access_key_id=self.account, aws_secret_access_key=_NOT_CHECKED, region_name=self.region
        )

    @property
    def _config(self) -> Config:
        return Config(
            max_pool_connections=_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": 3},
            proxies={},  # none, whatever the user's variables say: the address is this machine's loopback
            s3={"addressing_style": "path"},
            user_agent_extra=self.agent,
        )

    @property
    def _options(self) -> dict[str, Any]:
        return {"endpoint_url": self.endpoint_url, "config": self._config}
