"""Whether the bucket of the model's archive can be reached: its region, its key, and an archive that must be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from async_endpoint.operations.preflight.check import Check, Status, code_of, guarded

if TYPE_CHECKING:
    from async_endpoint.operations.preflight.assembly import Archive
    from async_endpoint.operations.preflight.clients import Clients

ARCHIVE = "archive"

_NOT_THERE = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")
_KEY_GONE = "gone"
_KEY_FIXES = {
    "Disabled": "aws kms enable-key --key-id {key} --region {region}",
    "PendingDeletion": "aws kms cancel-key-deletion --key-id {key} --region {region} && "
    "aws kms enable-key --key-id {key} --region {region}",
}


@dataclass(frozen=True)
class Bucket:
    """A bucket as it was found: `region` is None for one that is not there, `key` for one without a customer's key.

    `key_state` is KMS's, or "gone" for a key that is not there; `has_archive` is True also where nothing was asked.
    """

    region: str | None
    key: str | None = None
    key_state: str | None = None
    has_archive: bool = True


def check_archive(clients: Clients, archive: Archive, *, account: str, region: str) -> Check:
    """Ask S3 for the bucket, its encryption and, unless the deploy publishes it, the archive; and KMS for the key."""

    def asked() -> Check:
        return judge_archive(archive, _look_at(clients, archive, account), account=account, region=region)

    return guarded(
        ARCHIVE,
        f"s3:ListBucket, s3:GetEncryptionConfiguration and s3:GetObject on {archive.bucket}, and kms:DescribeKey",
        asked,
    )


def judge_archive(archive: Archive, found: Bucket, *, account: str, region: str) -> Check:
    """Decide by what was found of the bucket."""
    name = archive.bucket
    if found.region is None:
        # A bootstrap whose stack is there already does not make a bucket anew that was deleted beside it.
        bootstrap = f"npx cdk bootstrap aws://{account}/{region}   # delete the stack CDKToolkit first if it is there"
        fix = bootstrap if archive.is_published else f"aws s3 ls s3://{name}   # set model.location to where it is"
        return Check(ARCHIVE, Status.ERROR, f"There is no bucket {name}, where the model's archive belongs.", fix)
    if found.region != region:
        message = (
            f"Bucket {name} is in {found.region}: SageMaker fetches archives from its own region, {region}, alone."
        )
        fix = f"aws s3 cp s3://{name}/{archive.key} s3://A-BUCKET-IN-{region}/   # and name the copy in model.location"
        return Check(ARCHIVE, Status.ERROR, message, fix)
    if found.key_state not in (None, "Enabled"):
        message = f"Bucket {name} is encrypted under key {found.key}, which is {found.key_state}."
        fix = _KEY_FIXES.get(
            str(found.key_state), "Encrypt the bucket under another key: aws s3api put-bucket-encryption"
        )
        return Check(ARCHIVE, Status.ERROR, message, fix.format(key=found.key, region=region))
    if not found.has_archive:
        message = f"There is nothing at s3://{name}/{archive.key}, where the stage takes its model from."
        return Check(ARCHIVE, Status.ERROR, message, f"aws s3 cp model.tar.gz s3://{name}/{archive.key}")
    under = f", encrypted under {found.key}" if found.key else ""
    where = "goes to" if archive.is_published else "is in"
    return Check(ARCHIVE, Status.OK, f"The archive {where} {name}, which can be reached{under}.")


def _look_at(clients: Clients, archive: Archive, account: str) -> Bucket:
    # Of a bucket with the bootstrap's name in somebody else's account S3 answers 403 then.
    owner = {"ExpectedBucketOwner": account} if archive.is_published else {}
    try:
        region = clients.s3.head_bucket(Bucket=archive.bucket, **owner).get("BucketRegion")
    except ClientError as error:
        moved = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
        if code_of(error) in ("301", "PermanentRedirect") and moved:
            return Bucket(moved)
        if code_of(error) not in _NOT_THERE:
            raise
        return Bucket(None)
    key = _key(clients, archive.bucket)
    return Bucket(
        region or clients.s3.meta.region_name,
        key,
        _key_state(clients, key) if key else None,
        archive.is_published or _has_archive(clients, archive),
    )


def _key(clients: Clients, bucket: str) -> str | None:
    """The customer's key that the bucket encrypts under; AWS's own key has no id here."""
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
        return _KEY_GONE


def _has_archive(clients: Clients, archive: Archive) -> bool:
    if archive.is_prefix:
        found = clients.s3.list_objects_v2(Bucket=archive.bucket, Prefix=archive.key, MaxKeys=1)
        return bool(found.get("KeyCount"))
    try:
        clients.s3.head_object(Bucket=archive.bucket, Key=archive.key)
    except ClientError as error:
        if code_of(error) not in _NOT_THERE:
            raise
        return False
    return True
