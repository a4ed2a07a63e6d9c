"""Consumers that are stopped after the test."""

from collections.abc import Iterator

import pytest

from async_endpoint.emulator.clients import AwsClients
from tests.emulator.conftest import Destinations
from tests.emulator.hosting.bench import Bench


@pytest.fixture
def bench(around: Destinations, clients: AwsClients) -> Iterator[Bench]:
    bench = Bench(around, clients)
    yield bench
    for consumer, instance in bench.consumers:
        consumer.stop()
        instance.stop()
        bench.join(consumer)
