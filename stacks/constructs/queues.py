"""Encrypted queues."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.rules import suppress

_OWN_KEYS_OF_SQS = (
    'encryption is "aws-managed" for this stage: SQS encrypts with keys of its own, under which SNS and EventBridge '
    "may send unasked; under the AWS-managed KMS key they could not."
)


def encrypted_queue(
    scope: Construct,
    construct_id: str,
    *,
    key: kms.IKey | None,
    retention_period: Duration,
    visibility_timeout: Duration | None = None,
    dead_letter_queue: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    """Creates a queue that requires TLS, encrypted under the given key or by SQS; it is deleted with its stack."""
    queue = sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
        encryption_master_key=key,
        enforce_ssl=True,
        visibility_timeout=visibility_timeout,
        retention_period=retention_period,
        dead_letter_queue=dead_letter_queue,
        removal_policy=RemovalPolicy.DESTROY,
    )
    if not key:
        suppress(queue, {"CKV_AWS_27": _OWN_KEYS_OF_SQS})
    return queue
