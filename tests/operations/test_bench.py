"""Times of documents one after another and all at once, on a clock that passes only while the client waits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from async_endpoint.client import AsyncEndpoint, InMemoryTransport
from async_endpoint.operations.bench import Bench, Measured
from tests.support.endpoint_fixtures import Clock

MakeEndpoint = Callable[..., tuple[AsyncEndpoint, InMemoryTransport]]


@pytest.fixture
def documents(tmp_path: Path) -> list[Path]:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    return sorted(tmp_path.iterdir())


def test_one_by_one_takes_the_sum_and_all_at_once_the_longest(
    make_endpoint: MakeEndpoint, clock: Clock, documents: list[Path]
) -> None:
    endpoint, transport = make_endpoint(seconds=lambda _: 10.0)
    bench, done = Bench(endpoint, documents, clock), []

    single = bench.one_after_another(3, lambda: done.append(1))
    together = bench.all_at_once(5, lambda: done.append(1))

    assert (single.documents, together.documents, len(done)) == (3, 5, 8)
    longest = 4.0  # between two polls
    assert 30 <= single.seconds <= 30 + 3 * longest
    assert 10 <= together.seconds <= 10 + longest
    assert all(10 <= seconds <= 10 + longest for seconds in (*single.latencies, *together.latencies))
    names = [str(request.input_location).rpartition("/")[2] for request in transport.requests]
    assert names[:3] == ["a.png", "b.png", "a.png"]


def test_a_document_that_fails_has_no_time_but_a_reason(
    make_endpoint: MakeEndpoint, clock: Clock, documents: list[Path]
) -> None:
    documents[0].write_bytes(b"bad")
    endpoint, _ = make_endpoint()

    measured = Bench(endpoint, documents, clock).all_at_once(2, lambda: None)

    assert (measured.documents, len(measured.latencies)) == (2, 1)
    assert "The image cannot be read." in measured.failed[0]


def test_percentiles_of_few_and_of_no_documents() -> None:
    assert Measured(1.0, []).percentile(50) is None
    assert Measured(1.0, [2.0]).percentile(95) == 2.0
    hundred: list[Any] = [float(number) for number in range(1, 102)]
    assert (Measured(1.0, hundred).percentile(50), Measured(1.0, hundred).percentile(95)) == (51.0, 96.0)
    assert Measured(0.0, []).to_json()["documents_per_second"] is None
