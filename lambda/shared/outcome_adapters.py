"""The ports of outcomes on boto3."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.protocol import FAILURE_OBJECT_BYTES, JobsTableWriter, LocationError, S3Location
from shared.clients import SHORT_TIMEOUTS
from shared.observability import logger
from shared.outcomes import OutcomeWriter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

    from async_endpoint.protocol import AttemptRequest


class FailureObjects:
    """The failure objects in S3."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def read(self, location: str) -> bytes | None:
        """Returns the beginning of an object; None if it cannot be read, which the log says.

        The outcome is recorded all the same, with the reason in the notification.
        """
        try:
            place = S3Location.from_uri(location)
            response = self._s3.get_object(
                Bucket=place.bucket, Key=place.key, Range=f"bytes=0-{FAILURE_OBJECT_BYTES - 1}"
            )
            return response["Body"].read()
        except (LocationError, ClientError, BotoCoreError) as error:
            logger.warning("The failure object %s cannot be read: %s", location, error)
            return None


class AttemptQueue:
    """Sends requests for attempts to the intake queue.

    Args:
        sqs: The client for the queue.
        url: The queue's URL.
    """

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def request(self, request: AttemptRequest, delay_seconds: int) -> None:
        """Sends a request, to be delivered after the delay."""
        self._sqs.send_message(QueueUrl=self._url, MessageBody=request.to_message(), DelaySeconds=delay_seconds)


def make_outcome_writer(table: Table, *, intake_queue: str, max_submissions: int, delay_seconds: int) -> OutcomeWriter:
    """Returns the writer for the function's own account and region.

    Args:
        table: The jobs table.
        intake_queue: URL of the queue that takes requests for attempts.
        max_submissions: As `OutcomeWriter` has it.
        delay_seconds: As `OutcomeWriter.retry_delay_seconds`.
    """
    return OutcomeWriter(
        jobs=JobsTableWriter(table),
        failures=FailureObjects(boto3.client("s3", config=SHORT_TIMEOUTS)),
        attempts=AttemptQueue(boto3.client("sqs", config=SHORT_TIMEOUTS), intake_queue),
        max_submissions=max_submissions,
        retry_delay_seconds=delay_seconds,
        clock=time.time,
    )
