"""The entry point of the function: each message of the intake queue is the event of an object in the inbox."""

import os

from async_endpoint.protocol import JobsTableBusy
from shared.batch import batch_handler
from shared.observability import logger
from submit.adapters import make_endpoint, make_submitter
from submit.events import NotAnUpload
from submit.ports import RetryLater
from submit.settings import Settings
from submit.wake import CountingEndpoint, WakeSettings, make_waker, waking

endpoint = CountingEndpoint(make_endpoint())
submitter = make_submitter(Settings.from_environment(os.environ), endpoint)


def submit_message(body: str) -> str:
    """Submits the document of one message; returns the line for the log."""
    arrival = submitter.identify(body)
    logger.append_keys(job_id=arrival.upload.job_id)
    return submitter.submit(arrival)


handler = batch_handler(submit_message, expected=(NotAnUpload, RetryLater, JobsTableBusy))
if wake_settings := WakeSettings.from_environment(os.environ):
    handler = waking(handler, endpoint, make_waker(wake_settings))
