"""The buckets for documents, results and failures."""

from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from async_endpoint.protocol import PINNED
from stacks.rules import suppress
from stacks.settings.data import DataSettings

_ABANDONED_UPLOAD = Duration.days(1)
_OLD_VERSION = Duration.days(30)
# SageMaker reads a pinned document within hours: a request waits at most 6 and takes at most one. S3 counts whole days.
_PINNED = Duration.days(1)
_NOT_REPLICATED = (
    "Documents are copies of files that callers keep, results can be produced again, and S3 stores both in three "
    "zones; a second region would double the bill, and documents may not be allowed there."
)


class DocumentBuckets(Construct):
    """An input and an output bucket, private and versioned, and a bucket for their access logs if the stage has them.

    Documents and results are encrypted under the given key, or by S3 itself; access logs by S3, which accepts no other
    key for them. Empty a bucket by hand before you destroy it: no function of this app may delete documents.
    """

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey | None, settings: DataSettings) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        self._removal = RemovalPolicy.RETAIN if settings.removal_policy == "retain" else RemovalPolicy.DESTROY
        self._logs = self._access_log_bucket() if settings.access_logs else None
        self.input = self._bucket("Input", keep_days=settings.input_expiration_days)
        self.input.add_lifecycle_rule(
            id="ExpirePinned", prefix=PINNED, expiration=_PINNED, noncurrent_version_expiration=_PINNED
        )
        self.output = self._bucket("Output", keep_days=settings.output_expiration_days)
        self._send_events()

    def _bucket(self, construct_id: str, *, keep_days: int) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS if self._key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self._key,
            # One data key for many objects: otherwise every object costs a request to KMS.
            bucket_key_enabled=True if self._key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="Expire",
                    expiration=Duration.days(keep_days),
                    noncurrent_version_expiration=_OLD_VERSION,
                    abort_incomplete_multipart_upload_after=_ABANDONED_UPLOAD,
                ),
                # Delete markers of expired documents slow every listing.
                s3.LifecycleRule(id="RemoveDeleteMarkers", expired_object_delete_marker=True),
            ],
            server_access_logs_bucket=self._logs,
            server_access_logs_prefix=f"{construct_id.lower()}/" if self._logs else None,
            removal_policy=self._removal,
        )
        if not self._logs:
            suppress(
                bucket,
                dict.fromkeys(
                    ("AwsSolutions-S1", "NIST.800.53.R5-S3BucketLoggingEnabled", "CKV_AWS_18"),
                    "data.access_logs is false for this stage, which holds no one's documents: log objects arrive for "
                    "hours and would keep the stage from being destroyed.",
                ),
            )
        suppress(bucket, {"NIST.800.53.R5-S3BucketReplicationEnabled": _NOT_REPLICATED})
        return bucket

    def _access_log_bucket(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="Expire",
                    expiration=Duration.days(365),
                    abort_incomplete_multipart_upload_after=_ABANDONED_UPLOAD,
                )
            ],
            removal_policy=self._removal,
        )
        suppress(
            bucket,
            {
                "NIST.800.53.R5-S3DefaultEncryptionKMS": "S3 delivers access logs under its own keys only.",
                "NIST.800.53.R5-S3BucketReplicationEnabled": _NOT_REPLICATED,
                **dict.fromkeys(
                    ("NIST.800.53.R5-S3BucketVersioningEnabled", "CKV_AWS_21"),
                    "S3 writes each log object once, under a name of its own, and nobody else may write here.",
                ),
                **dict.fromkeys(
                    ("NIST.800.53.R5-S3BucketLoggingEnabled", "CKV_AWS_18"),
                    "Logging the access to the access logs into themselves would never end.",
                ),
            },
        )
        return bucket

    def _send_events(self) -> None:
        """Sends the input bucket's events to EventBridge."""
        resource = cast("s3.CfnBucket", self.input.node.default_child)
        # Not `event_bridge_enabled=True`: it deploys a Lambda function that sets this property.
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
