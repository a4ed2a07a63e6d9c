"""The AWS clients of a teardown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from botocore.config import Config

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sagemaker.client import SageMakerClient

_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 6})


@dataclass(frozen=True)
class TeardownClients:
    """One client for each service, all for one account and region."""

    cloudformation: CloudFormationClient
    dynamodb: DynamoDBClient
    iam: IAMClient
    logs: CloudWatchLogsClient
    s3: S3Client
    sagemaker: SageMakerClient

    @classmethod
    def from_session(cls, session: boto3.Session) -> Self:
        """Creates the clients; endpoint URLs and credentials are boto3's own.

        Raises:
            botocore.exceptions.BotoCoreError: The configuration lacks something, such as a region.
        """
        return cls(
            cloudformation=session.client("cloudformation", config=_CONFIG),
            dynamodb=session.client("dynamodb", config=_CONFIG),
            iam=session.client("iam", config=_CONFIG),
            logs=session.client("logs", config=_CONFIG),
            s3=session.client("s3", config=_CONFIG),
            sagemaker=session.client("sagemaker", config=_CONFIG),
        )
