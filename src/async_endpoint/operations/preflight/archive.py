"""The check of the model archive's bucket: its region, its key, and the archive if the deploy does not upload it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import Check, Status, code_of, run_check
from async_endpoint.protocol.packed_for import HEAD_BYTES, PACKED_FOR, PackedFor, PackedForError
from async_endpoint.protocol.serving_images import image_of

if TYPE_CHECKING:
    from async_endpoint.operations.preflight.assembly import Archive
    from async_endpoint.operations.preflight.clients import Clients

ARCHIVE = "archive"

_NOT_FOUND = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")
_KEY_DELETED = "gone"
_KEY_FIXES = {
    "Disabled": "aws kms enable-key --key-id {key} --region {region}",
    "PendingDeletion": "aws kms cancel-key-deletion --key-id {key} --region {region} && "
    "aws kms enable-key --key-id {key} --region {region}",
}


@dataclass(frozen=True)
class Bucket:
    """A bucket as S3 and KMS describe it.

    Attributes:
        region: None if there is no such bucket.
        key: The customer managed key; None if the bucket uses none.
        key_state: KMS's state of the key; "gone" if there is no such key.
        has_archive: Whether the archive is in the bucket; True for an archive that the deploy uploads.
        packed_for: For which image the archive is packed; None if it does not say, or if the deploy uploads it: then it
            is packed for the stage's image.
        unread: Why the archive was not read; None if it was.
    """

    region: str | None
    key: str | None = None
    key_state: str | None = None
    has_archive: bool = True
    packed_for: PackedFor | None = None
    unread: str | None = None


def check_archive(clients: Clients, archive: Archive, *, account: str, region: str) -> Check:
    """Checks the bucket, its encryption and its key, and the archive unless the deploy uploads it."""

    def ask() -> Check:
        return judge_archive(archive, _describe(clients, archive, account), account=account, region=region)

    return run_check(
        ARCHIVE,
        f"s3:ListBucket, s3:GetEncryptionConfiguration and s3:GetObject on {archive.bucket}, and kms:DescribeKey",
        ask,
    )


def judge_archive(archive: Archive, found: Bucket, *, account: str, region: str) -> Check:
    """Returns the check for a bucket as it was found."""
    name = archive.bucket
    if found.region is None:
        # If its stack exists, the bootstrap does not create again a bucket that was deleted by hand.
        bootstrap = f"npx cdk bootstrap aws://{account}/{region}   # delete the stack CDKToolkit first if it exists"
        fix = (
            bootstrap
            if archive.is_published
            else f"aws s3 ls s3://{name}   # set model.location to the archive's bucket"
        )
        return Check(ARCHIVE, Status.ERROR, f"There is no bucket {name} for the model's archive.", fix)
    if found.region != region:
        message = f"Bucket {name} is in {found.region}: SageMaker fetches archives from its own region only, {region}."
        fix = f"aws s3 cp s3://{name}/{archive.key} s3://A-BUCKET-IN-{region}/   # and set model.location to the copy"
        return Check(ARCHIVE, Status.ERROR, message, fix)
    if found.key_state not in (None, "Enabled"):
        message = f"Bucket {name} is encrypted with key {found.key}, which is {found.key_state}."
        fix = _KEY_FIXES.get(
            str(found.key_state), "Encrypt the bucket with another key: aws s3api put-bucket-encryption"
        )
        return Check(ARCHIVE, Status.ERROR, message, fix.format(key=found.key, region=region))
    if not found.has_archive:
        message = f"There is no object at s3://{name}/{archive.key}, where the stage's model archive should be."
        return Check(ARCHIVE, Status.ERROR, message, f"aws s3 cp model.tar.gz s3://{name}/{archive.key}")
    key = f" and is encrypted with {found.key}" if found.key else ""
    action = "will be uploaded to" if archive.is_published else "is in"
    place = f"The archive {action} {name}, which exists in {region}{key}."
    return Check(ARCHIVE, Status.OK, place) if archive.is_published else _judge_image(archive, found, place)


def _judge_image(archive: Archive, found: Bucket, place: str) -> Check:
    """Returns the check of an archive that the deploy does not pack: whether it is packed for the stage's image."""
    packed, image = found.packed_for, image_of(archive.image or "")
    if found.unread is not None:
        message = f"{place} For which image it is packed was not checked: {found.unread}"
        return Check(
            ARCHIVE, Status.WARNING, message, f"aws s3 cp s3://{archive.bucket}/{archive.key} .   # to see why"
        )
    if packed is None:
        return Check(ARCHIVE, Status.OK, f"{place} It does not say for which image it is packed.")
    if image is None:
        return Check(ARCHIVE, Status.OK, f"{place} It is packed for {packed.image}; the stage has an image of its own.")
    if packed.image == image.name:
        return Check(ARCHIVE, Status.OK, f"{place} It is packed for {packed.image}, the stage's image.")
    fits = packed.fits(image)
    difference = "which has the same Python and packages" if fits else "which has another Python or other packages"
    return Check(
        ARCHIVE,
        Status.WARNING if fits else Status.ERROR,
        f"{place} It is packed for the image {packed.image}, and the stage has {image.name}, {difference}.",
        f"async-endpoint model pack --image {image.name}   # and upload it, or set endpoint.image to {packed.image}",
    )


def _describe(clients: Clients, archive: Archive, account: str) -> Bucket:
    # With the expected owner, S3 returns 403 for a bucket of that name in another account.
    owner = {"ExpectedBucketOwner": account} if archive.is_published else {}
    try:
        region = clients.s3.head_bucket(Bucket=archive.bucket, **owner).get("BucketRegion")
    except ClientError as error:
        moved = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
        if code_of(error) in ("301", "PermanentRedirect") and moved:
            return Bucket(moved)
        if code_of(error) not in _NOT_FOUND:
            raise
        return Bucket(None)
    key = _key(clients, archive.bucket)
    has_archive = archive.is_published or _has_archive(clients, archive)
    packed_for, unread = (None, None)
    if has_archive and not archive.is_published:
        packed_for, unread = _packed_for(clients, archive)
    return Bucket(
        region or clients.s3.meta.region_name,
        key,
        _key_state(clients, key) if key else None,
        has_archive,
        packed_for,
        unread,
    )


def _packed_for(clients: Clients, archive: Archive) -> tuple[PackedFor | None, str | None]:
    """Reads for which image an archive is packed from its first bytes, or of a prefix from the file.

    Returns:
        What it says, or None; and why it was not read, or None.
    """
    try:
        if archive.is_prefix:
            return PackedFor.from_json(_read(clients, archive.bucket, f"{archive.key}{PACKED_FOR}")), None
        return PackedFor.from_archive(io.BytesIO(_read(clients, archive.bucket, archive.key))), None
    except PackedForError as error:
        return None, str(error)
    except ClientError as error:
        if archive.is_prefix and code_of(error) in _NOT_FOUND:
            return None, None
        return None, f"S3 said {code_of(error)}."


def _read(clients: Clients, bucket: str, key: str) -> bytes:
    content: bytes = clients.s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{HEAD_BYTES - 1}")["Body"].read()
    return content


def _key(clients: Clients, bucket: str) -> str | None:
    """Returns the customer managed key of a bucket; None if it uses AWS's own."""
    try:
        rules = clients.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except ClientError as error:
        if code_of(error) != "ServerSideEncryptionConfigurationNotFoundError":
            raise
        return None
    found = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID") for rule in rules]
    return next((str(key) for key in found if key), None)


def _key_state(clients: Clients, key: str) -> str:
    try:
        return str(clients.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"])
    except ClientError as error:
        if code_of(error) != "NotFoundException":
            raise
        return _KEY_DELETED


def _has_archive(clients: Clients, archive: Archive) -> bool:
    if archive.is_prefix:
        found = clients.s3.list_objects_v2(Bucket=archive.bucket, Prefix=archive.key, MaxKeys=1)
        return bool(found.get("KeyCount"))
    try:
        clients.s3.head_object(Bucket=archive.bucket, Key=archive.key)
    except ClientError as error:
        if code_of(error) not in _NOT_FOUND:
            raise
        return False
    return True
