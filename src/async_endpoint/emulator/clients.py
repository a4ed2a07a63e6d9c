"""The local AWS as the added services use it: S3, SNS, SQS, IAM, CloudWatch and its Logs, by boto3 over HTTP.

Public interfaces only, from threads of their own: nothing here may run on the event loop that serves them.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_sqs.client import SQSClient

# What a client calls itself that the local AWS only looks with: no fault strikes it, as looking is no call on AWS.
MEASURING = "local-aws-measuring"

_CONNECTIONS = 64


@dataclass(frozen=True)
class AwsClients:
    """Clients of one region, made when first used; thread-safe.

    Attributes:
        endpoint_url: Where the local AWS answers.
        region: The region of the clients.
        account: The account in whose name they call.
        workdir: A folder for what instances need: archives, container file systems, logs.
        agent: What the clients say that they are, besides boto3.
    """

    endpoint_url: str
    region: str
    account: str
    workdir: Path
    agent: str | None = None

    @cached_property
    def measuring(self) -> Self:
        """The same for what only looks at services, to measure or to show them: no fault strikes these clients."""
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
        # The account number as access key is how ministack tells accounts apart; no credential is checked.
        return boto3.Session(aws_access_key_id=self.account, aws_secret_access_key="local", region_name=self.region)  # noqa: S106

    @property
    def _config(self) -> Config:
        return Config(
            max_pool_connections=_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": 3},
            proxies={},  # none: the way is this machine's loopback, whatever the user's variables say
            s3={"addressing_style": "path"},
            user_agent_extra=self.agent,
        )

    @property
    def _options(self) -> dict[str, Any]:
        return {"endpoint_url": self.endpoint_url, "config": self._config}
