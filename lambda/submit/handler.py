"""The entry of the function: each message of the intake queue is an object that was put into the inbox."""

import os
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from async_endpoint.protocol import JobTableBusy
from submit import adapters
from submit.events import NotAnUpload
from submit.observability import logger
from submit.ports import MessageKept
from submit.settings import Settings

submitter = adapters.submitter(Settings.from_environment(os.environ))
# A batch of which every message failed is an answer like any other, not a crash.
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def submit_message(record: SQSRecord) -> None:
    """Submit one document; what is raised keeps its message, and only this one, in the queue.

    The parameter's name is what Powertools calls it by.
    """
    logger.append_keys(message_id=record.message_id)
    try:
        arrival = submitter.identify(record.body)
        logger.append_keys(job_id=arrival.upload.job_id)
        logger.info(submitter.submit(arrival))
    except (NotAnUpload, MessageKept, JobTableBusy) as error:
        logger.warning(str(error))
        raise
    except Exception:
        logger.exception("The message could not be worked on and is kept.")
        raise
    finally:
        logger.remove_keys(["message_id", "job_id"])


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Submit a batch; answers which messages are to be kept."""
    return process_partial_response(event=event, record_handler=submit_message, processor=processor, context=context)
