"""The entry point of the function: each message is the event of an object in an inbox, or asks for an attempt."""

import os

from async_endpoint.protocol import JobsTableBusy
from shared.batch import batch_handler
from shared.observability import logger
from submit.adapters import make_endpoint, make_jobs, make_submitter
from submit.events import NotAnUpload
from submit.lane_adapters import LaneSettings, admitting, make_lane, make_view
from submit.ports import RetryLater
from submit.read_ahead import reading_ahead
from submit.settings import Settings
from submit.wake import CountingEndpoint, WakeSettings, make_waker, waking

lane_settings = LaneSettings.from_environment(os.environ)
view = make_view(lane_settings) if lane_settings else None
lane = make_lane(lane_settings, view) if lane_settings and view else None
endpoint = CountingEndpoint(make_endpoint())
settings = Settings.from_environment(os.environ)
jobs = make_jobs(settings)
submitter = make_submitter(settings, jobs, endpoint, lane)


def submit_message(body: str) -> str:
    """Submits the document of one message; returns the line for the log."""
    arrival = submitter.identify(body)
    logger.append_keys(job_id=arrival.upload.job_id)
    return submitter.submit(arrival)


def take_open() -> int:
    """Returns how many documents the batch has submitted or put aside."""
    return endpoint.take_count() + (lane.take_put_aside() if lane else 0)


handler = reading_ahead(batch_handler(submit_message, expected=(NotAnUpload, RetryLater, JobsTableBusy)), jobs)
if lane:
    handler = admitting(handler, lane)
if wake_settings := WakeSettings.from_environment(os.environ):
    handler = waking(handler, take_open, make_waker(wake_settings, view.waiting if view else None))
