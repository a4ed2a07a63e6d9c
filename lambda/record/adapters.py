"""The jobs table on boto3. Its client is made once, when the function's container starts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from async_endpoint.protocol import JobTable
from record.logic import Recorder

if TYPE_CHECKING:
    from record.settings import Settings

# botocore waits for a minute, longer than the function runs.
_QUICK = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)


def recorder(settings: Settings) -> Recorder:
    """Everything joined, in the function's own account and region."""
    table = boto3.resource("dynamodb", config=_QUICK).Table(settings.jobs_table)
    return Recorder(jobs=JobTable(table), settings=settings, clock=time.time)
