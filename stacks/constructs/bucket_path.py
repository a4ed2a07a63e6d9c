"""Places in S3 as settings and buckets name them, and as policies and SageMaker need them."""

from dataclasses import dataclass
from typing import Self

from aws_cdk import Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct


@dataclass(frozen=True)
class S3Location:
    """A prefix of a bucket, without a slash at its end, or one object's whole key; empty for the whole bucket."""

    url: str
    bucket_arn: str
    key: str

    @classmethod
    def of_bucket(cls, bucket: s3.IBucket, prefix: str = "") -> Self:
        """A prefix of a bucket of the app."""
        return cls(url=bucket.s3_url_for_object(prefix or None), bucket_arn=bucket.bucket_arn, key=prefix)

    @classmethod
    def of_url(cls, scope: Construct, url: str) -> Self:
        """A location that the settings give as `s3://bucket/key`; their rule has checked its form."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        partition = Stack.of(scope).partition
        return cls(url=url.rstrip("/"), bucket_arn=f"arn:{partition}:s3:::{bucket}", key=key.rstrip("/"))

    @property
    def object_arn(self) -> str:
        """The one object whose key this is."""
        return f"{self.bucket_arn}/{self.key}"

    @property
    def objects_arn(self) -> str:
        """Every object under the prefix."""
        return f"{self.bucket_arn}/{self.key}/*" if self.key else f"{self.bucket_arn}/*"
