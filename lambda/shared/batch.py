"""Handlers of SQS batches: each message succeeds, or stays in the queue, on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from shared.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

    Handler = Callable[[dict[str, Any], LambdaContext], PartialItemFailureResponse]


def batch_handler(process: Callable[[str], str | None], *, expected: tuple[type[Exception], ...]) -> Handler:
    """Returns a Lambda handler for SQS batches with partial batch responses.

    Args:
        process: Processes the body of one message and returns the line for the log, if any. An error keeps the message,
            and only this one, in the queue. The function may append `job_id` to the keys of the log.
        expected: Errors that are logged as a warning with their message; any other is logged with its traceback.
    """
    # A batch in which every message failed is a valid response, not a crash.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def record_handler(record: SQSRecord) -> None:  # Powertools passes this name
        logger.append_keys(message_id=record.message_id)
        try:
            if line := process(record.body):
                logger.info(line)
        except expected as error:
            logger.warning("%s The message stays in the queue.", error)
            raise
        except Exception:
            logger.exception("The message could not be processed and stays in the queue.")
            raise
        finally:
            logger.remove_keys(["message_id", "job_id"])

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        return process_partial_response(
            event=event, record_handler=record_handler, processor=processor, context=context
        )

    return handler
