"""The progress of a run, in a log and on a terminal."""

import io

import pytest
from rich.console import Console

from async_endpoint.cli.progress import Bars, Lines
from async_endpoint.client import AsyncEndpoint, InMemoryTransport, Job, JobState
from tests.support.endpoint_fixtures import echo


@pytest.fixture
def job() -> Job:
    endpoint = AsyncEndpoint("receipts", input_location="s3://inputs/", transport=InMemoryTransport(echo))
    job = endpoint.submit(b"bad", inference_id="id-1")
    job.status()
    assert job.state is JobState.FAILED
    return job


def test_a_log_gets_about_ten_lines_a_phase_and_every_failure(job: Job) -> None:
    text = io.StringIO()
    lines = Lines(Console(file=text))

    lines.start(200)
    for _ in range(200):
        lines.submitted(job)
    lines.finished(job)
    lines.stop()

    written = text.getvalue().splitlines()
    assert written[:2] == ["200 documents", "submitted 20/200"]
    assert written[10:] == ["submitted 200/200", "document failed: The image cannot be read."]


def test_a_terminal_gets_bars(job: Job) -> None:
    text = io.StringIO()
    bars = Bars(Console(file=text, force_terminal=True, width=100))

    bars.start(1)
    bars.submitted(job)
    bars.finished(job)
    bars.stop()

    assert "submitted" in text.getvalue()
    assert "1/1" in text.getvalue()
    assert "document failed: The image cannot be read." in text.getvalue()
