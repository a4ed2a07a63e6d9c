"""Documents of a ticket are submitted without waiting, and their outcomes are for another process."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from async_endpoint.client import (
    AsyncEndpoint,
    AwsUnavailable,
    DocumentState,
    InMemoryTransport,
    InvalidRequest,
    RunOptions,
    Submission,
    Ticket,
    UnknownSubmission,
    new_ticket,
    resume_run,
)
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from async_endpoint.client import Acceptance, Job, SubmitError
    from async_endpoint.protocol import InvocationRequest


class Endpoint(InMemoryTransport):
    """Returns the size of a document; raises errors by that size instead of taking it.

    Args:
        errors: By size.
    """

    def __init__(self, errors: Mapping[int, SubmitError] | None = None) -> None:
        super().__init__(lambda _, document: json.dumps(len(document)).encode())
        self.errors = dict(errors or {})

    def submit(self, request: InvocationRequest) -> Acceptance:
        size = len(self.get(S3Location.from_uri(request.input_location or "")).body)
        if size in self.errors:
            raise self.errors[size]
        return super().submit(request)


class Progress:
    """Notes what it receives."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def start(self, documents: int) -> None:
        self.steps.append(f"start {documents}")

    def submitted(self, job: Job, /) -> None:
        self.steps.append(f"submitted {job.document[-5:]}")

    def finished(self, job: Job, /) -> None:
        self.steps.append(f"finished {job.document[-5:]}: {job.error}")

    def stop(self) -> None:
        self.steps.append("stop")


def endpoint_on(transport: InMemoryTransport) -> AsyncEndpoint:
    return AsyncEndpoint(
        "receipts",
        input_location="s3://inputs/in/",
        transport=transport,
        concurrency=1,
        sleep=lambda seconds: time.sleep(min(seconds, 0.002)),
    )


@pytest.fixture
def ticket(tmp_path: Path) -> Iterator[Ticket]:
    """A ticket of documents of one, two and three bytes."""
    folder = tmp_path / "receipts"
    folder.mkdir()
    for size in (1, 2, 3):
        (folder / f"{size}.png").write_bytes(b"x" * size)
    documents, path = sorted(folder.iterdir()), tmp_path / "ticket.sqlite"
    with closing(new_ticket(folder, documents, endpoint_on(Endpoint()), None, run="R", path=path)) as ticket:
        yield ticket


def test_all_are_accepted_and_no_outcome_is_looked_for(ticket: Ticket) -> None:
    transport, progress, woken = Endpoint(), Progress(), list[int]()
    submission = Submission(ticket, endpoint_on(transport), RunOptions(progress=progress, wake=woken.append))

    submission.run()

    summary = submission.summary()
    assert (summary.accepted, summary.rejected, summary.all_accepted) == (3, 0, True)
    assert summary.counts == {DocumentState.QUEUED: 3}
    assert str(summary).startswith("3 accepted, 0 rejected, in ")
    assert transport.calls["list_page"] == 0
    assert progress.steps == ["start 3", "submitted 1.png", "submitted 2.png", "submitted 3.png", "stop"]
    assert woken == [3]
    ticket.close()
    with closing(Ticket.open(ticket.path or Path())) as again:
        assert resume_run(again, endpoint_on(transport), None, RunOptions()).all_completed
        assert [json.loads(line)["answer"] for line in again.lines()] == [1, 2, 3]
    assert transport.calls["submit"] == 3


def test_a_rejected_document_has_its_line_and_counts_for_this_process_alone(ticket: Ticket) -> None:
    transport, progress = Endpoint({2: InvalidRequest("It breaks a rule.")}), Progress()
    submission = Submission(ticket, endpoint_on(transport), RunOptions(progress=progress))

    submission.run()

    summary = submission.summary()
    assert (summary.accepted, summary.rejected, summary.all_accepted) == (2, 1, False)
    assert "finished 2.png: It breaks a rule." in progress.steps
    assert [json.loads(line)["reason"] for line in ticket.lines()] == ["It breaks a rule."]
    again = Submission(ticket, endpoint_on(transport), RunOptions())
    again.run()
    assert (again.summary().accepted, again.summary().rejected) == (0, 0)


def test_a_document_whose_call_broke_off_is_in_doubt_and_not_replaced(ticket: Ticket) -> None:
    transport = Endpoint({2: UnknownSubmission("The connection broke off.")})
    submission = Submission(ticket, endpoint_on(transport), RunOptions())

    submission.run()

    summary = submission.summary()
    assert not summary.all_accepted
    assert str(summary).startswith("2 accepted, 0 rejected, 1 in doubt, in ")
    assert (transport.calls["submit"], transport.calls["delete"]) == (2, 0)


def test_what_is_wrong_for_all_is_raised_and_a_later_submission_sends_the_rest(ticket: Ticket) -> None:
    transport = Endpoint(dict.fromkeys((2, 3), AwsUnavailable("The credentials have expired.")))
    submission, progress = Submission(ticket, endpoint_on(transport), RunOptions()), Progress()

    with pytest.raises(AwsUnavailable):
        submission.run()

    assert str(submission.summary()).startswith("1 accepted, 0 rejected, 2 not sent, in ")
    transport.errors.clear()
    later = Submission(ticket, endpoint_on(transport), RunOptions(progress=progress))
    later.run()
    assert (later.summary().accepted, later.summary().all_accepted) == (2, True)
    assert progress.steps[0] == "start 2"
    assert transport.calls["submit"] == 3


def test_a_file_that_changed_is_reported(ticket: Ticket, tmp_path: Path) -> None:
    (tmp_path / "receipts" / "2.png").write_bytes(b"longer")
    said = list[str]()

    Submission(ticket, endpoint_on(Endpoint()), RunOptions(notify=said.append)).run()

    assert said == ["1 document has changed since the run began, and went out as of now."]
