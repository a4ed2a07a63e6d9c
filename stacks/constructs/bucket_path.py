"""Paths in S3 buckets, as IAM policies and SageMaker need them."""

from dataclasses import dataclass
from typing import Self

from aws_cdk import Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from async_endpoint.protocol import S3Location


@dataclass(frozen=True)
class BucketPath:
    """A prefix of a bucket, or one object's key, with its ARNs; the bucket's name may be a token of the CDK.

    Attributes:
        url: `s3://bucket/key`, without a slash at the end.
        bucket_arn: The bucket's ARN.
        key: The prefix without a slash at the end, or the object's whole key; empty for the whole bucket.
    """

    url: str
    bucket_arn: str
    key: str

    @classmethod
    def from_bucket(cls, bucket: s3.IBucket, prefix: str = "") -> Self:
        """A prefix of a bucket of the app."""
        return cls(url=bucket.s3_url_for_object(prefix or None), bucket_arn=bucket.bucket_arn, key=prefix)

    @classmethod
    def from_url(cls, scope: Construct, url: str) -> Self:
        """A path that the settings give as `s3://bucket/key`."""
        location = S3Location.from_prefix_uri(url)
        return cls(
            url=location.uri.rstrip("/"),
            bucket_arn=f"arn:{Stack.of(scope).partition}:s3:::{location.bucket}",
            key=location.key.rstrip("/"),
        )

    @property
    def object_arn(self) -> str:
        """ARN of the one object with this key."""
        return f"{self.bucket_arn}/{self.key}"

    @property
    def objects_arn(self) -> str:
        """ARN pattern of all objects under the prefix."""
        return f"{self.bucket_arn}/{self.key}/*" if self.key else f"{self.bucket_arn}/*"
