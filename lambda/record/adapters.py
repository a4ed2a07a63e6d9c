"""The jobs table on boto3. The client is made once, when the function's environment starts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import boto3

from async_endpoint.protocol import JobsTableWriter
from record.logic import OutcomeRecorder
from shared.clients import SHORT_TIMEOUTS

if TYPE_CHECKING:
    from record.settings import Settings


def make_recorder(settings: Settings) -> OutcomeRecorder:
    """Returns the recorder for the function's own account and region."""
    table = boto3.resource("dynamodb", config=SHORT_TIMEOUTS).Table(settings.jobs_table)
    return OutcomeRecorder(jobs=JobsTableWriter(table), settings=settings, clock=time.time)
