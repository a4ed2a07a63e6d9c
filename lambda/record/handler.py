"""The entry of the function: each message of the results queue is a notification of SageMaker, in SNS's envelope."""

import os
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from async_endpoint.protocol import JobRecordError, JobTableBusy, NotificationError
from record import adapters
from record.observability import logger
from record.settings import Settings

recorder = adapters.recorder(Settings.from_environment(os.environ))
# A batch of which every message failed is an answer like any other, not a crash.
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def record_message(record: SQSRecord) -> None:
    """Record one outcome; what is raised keeps its message, and only this one, in the queue.

    The parameter's name is what Powertools calls it by.
    """
    logger.append_keys(message_id=record.message_id)
    try:
        if outcome := recorder.read(record.body):
            logger.append_keys(job_id=outcome.job_id)
            logger.info(recorder.record(outcome))
    except (NotificationError, JobRecordError, JobTableBusy) as error:
        logger.warning("%s The message is kept.", error)
        raise
    except Exception:
        logger.exception("The message could not be worked on and is kept.")
        raise
    finally:
        logger.remove_keys(["message_id", "job_id"])


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Record a batch; answers which messages are to be kept."""
    return process_partial_response(event=event, record_handler=record_message, processor=processor, context=context)
