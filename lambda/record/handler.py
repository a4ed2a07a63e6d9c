"""The entry point of the function: each message of the results queue is a SageMaker notification in SNS's envelope."""

import os
import time

import boto3

from async_endpoint.protocol import JobRecordError, JobsTableBusy, JobsTableWriter, NotificationError
from record.admission import OutcomeCounter, admitting_next
from record.at_once import Batch, recording_at_once
from record.logic import parse_outcome
from record.settings import Settings
from shared.admission_adapters import make_admitter
from shared.batch import batch_handler
from shared.clients import SHORT_TIMEOUTS
from shared.observability import logger
from shared.outcome_adapters import make_outcome_writer
from shared.outcomes import Outcome, written_line

settings = Settings.from_environment(os.environ)
table = boto3.resource("dynamodb", config=SHORT_TIMEOUTS).Table(settings.jobs_table)
jobs = JobsTableWriter(table)
counter = OutcomeCounter()
outcomes = make_outcome_writer(
    table,
    intake_queue=settings.intake_queue,
    max_submissions=settings.max_submissions,
    delay_seconds=settings.retry_delay_seconds,
)


def parse(body: str) -> Outcome | None:
    """Returns the outcome in a message; None for a test notification."""
    return parse_outcome(body, attempts=jobs, job_retention_days=settings.job_retention_days, clock=time.time)


batch = Batch(table, parse)


def record_message(body: str) -> str | None:
    """Records the outcome in one message; returns the line for the log, None for a test notification."""
    outcome = batch.outcome(body)
    if outcome is None:
        return None
    logger.append_keys(job_id=outcome.record.job_id)
    line = written_line(outcome.record) if batch.has_written(outcome) else outcomes.write(outcome)
    counter.add()
    return line


handler = recording_at_once(
    batch_handler(record_message, expected=(NotificationError, JobRecordError, JobsTableBusy)), batch
)
if settings.admission_queue:
    handler = admitting_next(handler, counter, make_admitter(table, settings.admission_queue).replace)
