"""The entry point of the function: each message of the results queue is a SageMaker notification in SNS's envelope."""

import os

from async_endpoint.protocol import JobRecordError, JobsTableBusy, NotificationError
from record.adapters import make_recorder
from record.settings import Settings
from shared.batch import batch_handler
from shared.observability import logger

recorder = make_recorder(Settings.from_environment(os.environ))


def record_message(body: str) -> str | None:
    """Records the outcome in one message; returns the line for the log, None for a test notification."""
    outcome = recorder.parse_outcome(body)
    if outcome is None:
        return None
    logger.append_keys(job_id=outcome.record.job_id)
    return recorder.record(outcome)


handler = batch_handler(record_message, expected=(NotificationError, JobRecordError, JobsTableBusy))
