"""Outcomes that exist are fetched without waiting; nothing is submitted, and nothing expires."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from async_endpoint.client import (
    DocumentState,
    InMemoryTransport,
    RunOptions,
    StorageError,
    Submission,
    fetch_results,
    known_lines,
)
from tests.support.ticket_run import BreaksOff, Run, size_of

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.client import Payload
    from async_endpoint.protocol import S3Location
    from tests.support.endpoint_fixtures import Clock


@pytest.fixture
def run(tmp_path: Path, clock: Clock) -> Run:
    return Run(tmp_path / "receipts", clock)


def test_a_fetch_finds_the_outcome_of_a_document_in_doubt_and_submits_nothing(run: Run, clock: Clock) -> None:
    transport = BreaksOff(lost={1}, taken=True, clock=clock)
    ticket = run.begin(transport)
    Submission(ticket, run.endpoint(transport), RunOptions()).run()
    waited = len(clock.sleeps)

    fetch_results(ticket, run.endpoint(transport), RunOptions())

    assert ticket.counts() == {DocumentState.COMPLETED: 3}
    assert len(clock.sleeps) == waited
    assert (len(transport.requests), transport.calls["delete"]) == (3, 0)
    ticket.close()


def test_the_outcomes_of_a_poll_share_commits(tmp_path: Path, clock: Clock) -> None:
    run, transport = Run(tmp_path / "receipts", clock), InMemoryTransport(size_of, clock=clock)
    for number in range(4, 81):
        (run.folder / f"{number}.png").write_bytes(b"x" * number)
    ticket = run.begin(transport)
    Submission(ticket, run.endpoint(transport), RunOptions()).run()
    statements: list[str] = []
    ticket._database.set_trace_callback(statements.append)

    fetch_results(ticket, run.endpoint(transport), RunOptions())

    ticket._database.set_trace_callback(None)
    assert ticket.counts() == {DocumentState.COMPLETED: 80}
    assert len([each for each in statements if each.startswith("UPDATE document")]) == 80
    assert len([each for each in statements if each.startswith("UPDATE run")]) == 3
    ticket.close()


def test_a_fetch_leaves_what_has_no_outcome_and_reports_what_cannot_be_read(run: Run, clock: Clock) -> None:
    class Unreadable(InMemoryTransport):
        def get(self, location: S3Location) -> Payload:
            payload = super().get(location)
            if payload.body == b"2":
                raise StorageError(f"The result {location} cannot be read.")
            return payload

    transport = Unreadable(size_of, clock=clock, seconds=lambda _: 1e9 * (len(transport.requests) == 3))
    ticket = run.begin(transport)
    Submission(ticket, run.endpoint(transport), RunOptions()).run()
    clock.now += 30

    with pytest.raises(StorageError, match="cannot be read"):
        fetch_results(ticket, run.endpoint(transport), RunOptions())

    lines = [json.loads(line) for line in known_lines(ticket)]
    assert [(line["file"], line["state"]) for line in lines] == [
        ("1.png", "COMPLETED"),
        ("2.png", "QUEUED"),
        ("3.png", "QUEUED"),
    ]
    clock.now += 86_400  # past every deadline: a fetch expires nothing
    with pytest.raises(StorageError):
        fetch_results(ticket, run.endpoint(transport), RunOptions())
    assert ticket.counts() == {DocumentState.COMPLETED: 1, DocumentState.QUEUED: 2}
    ticket.close()
