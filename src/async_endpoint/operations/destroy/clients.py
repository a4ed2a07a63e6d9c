"""The clients of AWS that a teardown needs, and its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


class TeardownError(Exception):
    """Stacks that may not, or could not, be deleted; the message is one sentence or two for a person."""


@dataclass(frozen=True)
class Aws:
    """One client for each service that is asked, all of one account and region."""

    cloudformation: CloudFormationClient
    dynamodb: DynamoDBClient
    iam: IAMClient
    logs: CloudWatchLogsClient
    s3: S3Client
    sagemaker: SageMakerClient

    @classmethod
    def of_session(cls, session: boto3.Session) -> Aws:
        """Make all of them; endpoint URLs and credentials are boto3's own.

        Raises:
            botocore.exceptions.BotoCoreError: boto3 lacks something, such as a region.
        """
        return cls(
            cloudformation=session.client("cloudformation", config=_CONFIG),
            dynamodb=session.client("dynamodb", config=_CONFIG),
            iam=session.client("iam", config=_CONFIG),
            logs=session.client("logs", config=_CONFIG),
            s3=session.client("s3", config=_CONFIG),
            sagemaker=session.client("sagemaker", config=_CONFIG),
        )
