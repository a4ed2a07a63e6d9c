"""AWS clients against the local services, and a deadline on a clock that tests move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from async_endpoint.operations.deadline import Deadline
from async_endpoint.operations.destroy.clients import TeardownClients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.endpoint_fixtures import Clock


@pytest.fixture
def aws(local_services: None) -> Iterator[TeardownClients]:
    del local_services  # sets boto3's environment
    clients = TeardownClients.from_session(boto3.Session())
    yield clients
    for client in vars(clients).values():
        client.close()


@pytest.fixture
def deadline(clock: Clock) -> Deadline:
    """A minute, with a poll every twenty seconds."""
    return Deadline(60, interval=20, clock=clock, sleep=clock.sleep)


@pytest.fixture
def said() -> list[str]:
    return []
