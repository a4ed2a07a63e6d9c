"""Look into buckets, and empty them: AWS deletes no bucket that holds a version of an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.destroy.clients import TeardownError
from async_endpoint.operations.destroy.inventory import Count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef, ObjectIdentifierTypeDef

_COUNTED = 100_000  # versions; a hundred listings
_TOLD_EVERY = 10_000


@dataclass(frozen=True)
class BucketContent:
    """How much is in a bucket.

    Attributes:
        objects: Those that a plain listing shows.
        versions: All that must go: current and old versions, and delete markers.
    """

    objects: Count
    versions: Count

    def __str__(self) -> str:
        if not self.versions.number:
            return "empty"
        if self.versions == self.objects:
            return self.objects.of("object")
        return f"{self.objects.of('object')}, {self.versions.of('version')} with old ones and delete markers"


def content_of(s3: S3Client, bucket: str) -> BucketContent:
    """Count what is in a bucket, up to a hundred thousand versions; a bucket that is gone is empty."""
    objects = versions = 0
    for page in _pages(s3, bucket):
        current = [version for version in page.get("Versions", []) if version["IsLatest"]]
        objects += len(current)
        versions += len(_identifiers(page))
        if versions >= _COUNTED:
            return BucketContent(Count(objects, exact=False), Count(versions, exact=False))
    return BucketContent(Count(objects), Count(versions))


def empty(s3: S3Client, bucket: str, say: Callable[[str], None]) -> None:
    """Delete every version of every object, every delete marker, and abort unfinished uploads.

    Raises:
        TeardownError: S3 refused to delete something.
    """
    gone = told = 0
    for page in _pages(s3, bucket):
        identifiers = _identifiers(page)
        if not identifiers:
            continue
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": identifiers, "Quiet": True})
        if errors := answer.get("Errors"):
            raise TeardownError(
                f"S3 does not delete {errors[0].get('Key')!r} of bucket {bucket} ({errors[0].get('Code')}: "
                f"{errors[0].get('Message')}): remove what forbids it, then destroy again."
            )
        gone += len(identifiers)
        if gone - told >= _TOLD_EVERY:
            told = gone
            say(f"bucket {bucket}: {Count(gone).of('version')} deleted so far")
    uploads = _abort_uploads(s3, bucket)
    if gone or uploads:
        aborted = f", {Count(uploads).of('unfinished upload')} aborted" if uploads else ""
        say(f"bucket {bucket}: emptied, {Count(gone).of('version')} deleted{aborted}")


def _pages(s3: S3Client, bucket: str) -> Iterator[ListObjectVersionsOutputTypeDef]:
    try:
        yield from s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return


def _identifiers(page: ListObjectVersionsOutputTypeDef) -> list[ObjectIdentifierTypeDef]:
    """What one call of DeleteObjects takes; a page never holds more."""
    return [
        {"Key": found["Key"], "VersionId": found["VersionId"]}
        for found in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
    ]


def _abort_uploads(s3: S3Client, bucket: str) -> int:
    aborted = 0
    try:
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in page.get("Uploads", []):
                s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                aborted += 1
    except ClientError as error:
        if error.response["Error"].get("Code") not in {"NoSuchBucket", "NoSuchUpload"}:
            raise
    return aborted
