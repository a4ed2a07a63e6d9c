"""The ports on boto3. Each client is made once, when the function's environment starts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.protocol import FAILURE_OBJECT_BYTES, JobsTableWriter, LocationError, S3Location
from record.logic import OutcomeRecorder
from shared.attempt_queue import AttemptQueue
from shared.clients import SHORT_TIMEOUTS
from shared.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from record.settings import Settings


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


def make_recorder(settings: Settings) -> OutcomeRecorder:
    """Returns the recorder for the function's own account and region."""
    table = boto3.resource("dynamodb", config=SHORT_TIMEOUTS).Table(settings.jobs_table)
    return OutcomeRecorder(
        jobs=JobsTableWriter(table),
        failures=FailureObjects(boto3.client("s3", config=SHORT_TIMEOUTS)),
        attempts=AttemptQueue(boto3.client("sqs", config=SHORT_TIMEOUTS), settings.intake_queue),
        settings=settings,
        clock=time.time,
    )
