"""Reads the jobs that a batch asks for in one call; a job that is missing in the response is read on its own.

The batch has come before its jobs are read, so each read is as good as one when the message's turn comes: what others
write meanwhile, a write notices by the revision.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from async_endpoint.protocol import JOBS_PARTITION_KEY, AttemptRequest, JobsTableWriter, SeenJob
from shared.observability import logger
from submit.events import NotAnUpload, parse_message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb.service_resource import Table

    from shared.batch import Handler


class BatchJobs(JobsTableWriter):
    """The jobs table, with the jobs of the batch that is processed.

    Args:
        table: boto3's Table resource.
    """

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._batch_table = table
        self._ahead: dict[str, SeenJob] = {}

    def begin(self, bodies: Iterable[str]) -> None:
        """Reads the jobs of a batch's requests, if it has several; raises nothing."""
        requests = filter(None, map(_request, bodies))
        job_ids = dict.fromkeys(request.job_id for request in requests)  # DynamoDB rejects a key that is there twice
        self._ahead = self._read(job_ids) if len(job_ids) > 1 else {}

    def look(self, job_id: str) -> SeenJob:
        """Returns a job as it was read for the batch, once: a second message about the same job reads it again."""
        return self._ahead.pop(job_id, None) or super().look(job_id)

    def _read(self, job_ids: Iterable[str]) -> dict[str, SeenJob]:
        client: Any = self._batch_table.meta.client
        keys = [{JOBS_PARTITION_KEY: job_id} for job_id in job_ids]
        name = self._batch_table.name
        try:
            response = client.batch_get_item(RequestItems={name: {"Keys": keys, "ConsistentRead": True}})
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            logger.debug("The jobs of the batch are read one by one: %s", error)
            return {}
        # An item without a state is the name of an attempt, and leads to its job.
        items = [item for item in response["Responses"].get(name, ()) if "state" in item]
        return {item[JOBS_PARTITION_KEY]: SeenJob(item) for item in items}


def _request(body: str) -> AttemptRequest | None:
    try:
        message = parse_message(body)
    except NotAnUpload:
        return None  # it is parsed again, and reported then
    return message if isinstance(message, AttemptRequest) else None


def reading_ahead(handler: Handler, jobs: BatchJobs) -> Handler:
    """Returns a handler that reads the jobs of a batch before it processes each message."""

    def read_and_submit(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        jobs.begin([message["body"] for message in event["Records"]])
        return handler(event, context)

    return read_and_submit
