"""Rules on what holds the data: the jobs table, the buckets and the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding
from async_endpoint.operations.diagnose.rules.words import cut

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.snapshot import Snapshot


def table_deleted(snapshot: Snapshot) -> Finding | None:
    """The jobs table is gone."""
    table = snapshot.names.outputs.get("JobsTableName")
    if not table or not snapshot.knows("table_status") or snapshot.table_status is not None:
        return None
    return Finding(
        cause="table-deleted",
        text="The jobs table does not exist: no document is submitted, and no outcome is recorded.",
        evidence=(f"DescribeTable finds no {table}.",),
        fix="Restore it from its point-in-time backup: aws dynamodb list-backups, then the runbook",
        runbook="restore-the-jobs-table",
    )


def key_disabled(snapshot: Snapshot) -> Finding | None:
    """The stage's key cannot be used."""
    key = snapshot.key
    if key is None or key.state == "Enabled":
        return None
    mend = "cancel-key-deletion" if key.state == "PendingDeletion" else "enable-key"
    return Finding(
        cause="key-disabled",
        text=f"The stage's KMS key is {key.state}: nothing that it encrypts can be read or written.",
        evidence=(f"DescribeKey: {key.key_id} is {key.state}.",),
        fix=f"aws kms {mend} --key-id {key.key_id}",
        runbook="notifications-or-uploads-fail",
    )


def bucket_missing(snapshot: Snapshot) -> Finding | None:
    """A bucket is gone."""
    gone = [bucket.name for bucket in snapshot.buckets if not bucket.exists]
    if not gone:
        return None
    return Finding(
        cause="bucket-missing",
        text=f"The bucket {gone[0]} does not exist.",
        evidence=("GetBucketPolicy: NoSuchBucket.",),
        fix=f"aws s3 mb s3://{gone[0]}, then make deploy",
        runbook="notifications-or-uploads-fail",
    )


def bucket_denies(snapshot: Snapshot) -> Finding | None:
    """A bucket's policy denies what the endpoint and the functions need."""
    for bucket in snapshot.buckets:
        if bucket.denials:
            return Finding(
                cause="bucket-policy-denies",
                text=f"The policy of bucket {bucket.name} denies reads or writes of objects.",
                evidence=tuple(cut(each) for each in bucket.denials),
                fix=f"aws s3api get-bucket-policy --bucket {bucket.name} --query Policy --output text, and take the "
                "statement out with put-bucket-policy",
                runbook="notifications-or-uploads-fail",
            )
    return None


def inbox_silent(snapshot: Snapshot) -> Finding | None:
    """The input bucket sends no events, so no upload is noticed."""
    for bucket in snapshot.buckets:
        if bucket.sends_events is False:
            return Finding(
                cause="inbox-silent",
                text="The input bucket sends no events to EventBridge: uploads are not noticed.",
                evidence=(f"Bucket {bucket.name} has no EventBridgeConfiguration.",),
                fix=f"aws s3api put-bucket-notification-configuration --bucket {bucket.name} "
                "--notification-configuration '{{\"EventBridgeConfiguration\": {{}}}}'",
                runbook="messages-wait-too-long",
            )
    return None
