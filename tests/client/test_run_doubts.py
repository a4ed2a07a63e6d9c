"""A run that continues from its ticket: documents in doubt, clocks that jump, objects that cannot be read."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.client import (
    DocumentState,
    InMemoryTransport,
    InvalidRequest,
    ResultTimeout,
    RunOptions,
    StorageError,
    Throttled,
    Ticket,
    UnknownSubmission,
    new_ticket,
    resume_run,
)
from async_endpoint.client.result_names import result_stem
from async_endpoint.client.run_doubts import renewal_remarks
from async_endpoint.protocol import InvocationRequest, JobRecord, JobState, S3Location
from tests.support.ticket_run import BreaksOff, Run, size_of

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.client import Acceptance, Job, ListingPage, Payload
    from tests.support.endpoint_fixtures import Clock


@pytest.fixture
def run(tmp_path: Path, clock: Clock) -> Run:
    return Run(tmp_path / "receipts", clock)


class Counts:
    """A progress that counts."""

    def __init__(self) -> None:
        self.started_with = self.submissions = self.outcomes = 0

    def start(self, documents: int) -> None:
        self.started_with = documents

    def submitted(self, job: Job, /) -> None:
        del job
        self.submissions += 1

    def finished(self, job: Job, /) -> None:
        del job
        self.outcomes += 1

    def stop(self) -> None: ...


STAYS = "Objects in S3 stay: one that waits in the queue after all is processed twice."
ALL = {f"{size}.png": ("COMPLETED", size) for size in (1, 2, 3)}


def test_the_outcome_of_a_document_in_doubt_is_found_beside_a_sibling(run: Run, clock: Clock) -> None:
    transport = BreaksOff(lost={1, 3}, taken=True, clock=clock)

    assert run.go_on(run.begin(transport), transport) == ALL
    assert len(transport.requests) == 3
    assert transport.calls["delete"] == 0
    assert run.said == []


@pytest.mark.parametrize("taken", [True, False])
def test_the_progress_counts_each_document_in_doubt_as_submitted_once(run: Run, clock: Clock, *, taken: bool) -> None:
    transport, progress = BreaksOff(lost={1, 3}, taken=taken, clock=clock), Counts()

    assert run.go_on(run.begin(transport), transport, progress=progress) == ALL
    assert (progress.started_with, progress.submissions, progress.outcomes) == (3, 3, 3)


def test_a_continued_run_says_what_was_done_before_and_counts_its_own_documents(run: Run, clock: Clock) -> None:
    class Unreadable(BreaksOff):
        broken = True

        def get(self, location: S3Location) -> Payload:
            payload = super().get(location)
            if self.broken and payload.body == b"2":
                raise StorageError(f"The result {location} cannot be read.")
            return payload

    transport = Unreadable(lost=set(), taken=True, clock=clock)
    with pytest.raises(StorageError):
        run.go_on(run.begin(transport), transport)
    assert run.said == []

    transport.broken, progress = False, Counts()
    ticket = Ticket.open(run.ticket)
    options = RunOptions(notify=run.said.append, progress=progress)
    summary = resume_run(ticket, run.endpoint(transport), run.output, options)
    ticket.close()

    assert run.said == ["2 of 3 documents already had an outcome; the progress is of the rest."]
    assert progress.started_with == summary.settled == 1
    assert f"({summary.seconds:.2f} s a document)" in str(summary)
    assert str(summary).startswith("3 documents: 3 completed, ")


def test_a_document_that_was_never_taken_is_replaced_after_the_grace(run: Run, clock: Clock) -> None:
    transport = BreaksOff(lost={2}, taken=False, clock=clock)
    began = clock.now

    assert run.go_on(run.begin(transport), transport, doubt_seconds=45) == ALL
    assert clock.now - began >= 45
    assert len(transport.requests) == 3
    assert transport.calls["delete"] == 1
    assert len(run.said) == 1
    assert run.said[0].startswith("1 document was most likely never taken")


def test_where_all_are_in_doubt_one_gives_the_place_of_the_others(run: Run, clock: Clock) -> None:
    transport = BreaksOff(lost={1, 2, 3}, taken=True, clock=clock)

    assert run.go_on(run.begin(transport), transport) == ALL
    assert len(transport.requests) == 4
    assert transport.calls["delete"] == 1


def test_a_document_whose_submissions_always_break_off_fails(run: Run, clock: Clock) -> None:
    class NeverTakes(InMemoryTransport):
        def submit(self, request: InvocationRequest) -> Acceptance:
            if len(self.get(S3Location.from_uri(request.input_location or "")).body) == 2:
                raise UnknownSubmission("The connection broke off.")
            return super().submit(request)

    transport = NeverTakes(size_of, clock=clock)

    assert run.go_on(run.begin(transport), transport)["2.png"] == ("FAILED", None)


def test_a_document_that_is_rejected_is_not_in_doubt(run: Run, clock: Clock) -> None:
    class Rejects(InMemoryTransport):
        def submit(self, request: InvocationRequest) -> Acceptance:
            if len(self.get(S3Location.from_uri(request.input_location or "")).body) == 3:
                raise InvalidRequest("It breaks a rule.")
            return super().submit(request)

    transport = Rejects(size_of, clock=clock)

    assert run.go_on(run.begin(transport), transport) == ALL | {"3.png": ("FAILED", None)}
    assert len(transport.requests) == 2
    assert transport.calls["delete"] == 0


def test_a_document_in_doubt_whose_result_cannot_be_read_is_not_sent_again(run: Run, clock: Clock) -> None:
    class Unreadable(BreaksOff):
        def get(self, location: S3Location) -> Payload:
            payload = super().get(location)
            if payload.body == b"2":
                raise StorageError(f"The result {location} cannot be read.")
            return payload

    transport = Unreadable(lost={2}, taken=True, clock=clock)
    with pytest.raises(StorageError, match="cannot be read"):
        run.go_on(run.begin(transport), transport)

    assert len(transport.requests) == 3
    assert transport.calls["delete"] == 0


def test_the_endpoint_is_woken_for_what_is_left_and_not_for_results_that_are_there(run: Run, clock: Clock) -> None:
    class Forgets(InMemoryTransport):
        """Does not list the results, then loses the connection."""

        def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
            del start_after
            raise StorageError(f"Results below {prefix} cannot be listed.")

    woken: list[int] = []
    first = Forgets(size_of, clock=clock)
    with pytest.raises(StorageError):
        run.go_on(run.begin(first), first, wake=woken.append)
    assert woken == [3]
    second = InMemoryTransport(size_of, clock=clock)
    second._objects = {location: found for location, found in first._objects.items() if found[1].body != b"2"}

    with pytest.raises(ResultTimeout):
        run.go_on(Ticket.open(run.ticket), second, wake=woken.append, timeout=5)
    assert woken == [3, 3]  # the one that still waits; all three were unfinished when the process began
    second._objects = first._objects
    run.go_on(Ticket.open(run.ticket), second, wake=woken.append)

    assert woken == [3, 3]


def test_a_throttled_document_is_submitted_again(run: Run, clock: Clock) -> None:
    class Throttles(InMemoryTransport):
        left = 2

        def submit(self, request: InvocationRequest) -> Acceptance:
            if self.left:
                self.left -= 1
                raise Throttled("AWS asks for fewer calls.")
            return super().submit(request)

    transport = Throttles(size_of, clock=clock)
    assert run.go_on(run.begin(transport), transport) == ALL


def test_an_object_that_cannot_be_read_does_not_decide_over_the_others(run: Run, clock: Clock) -> None:
    class Unreadable(InMemoryTransport):
        def get(self, location: S3Location) -> Payload:
            payload = super().get(location)
            if payload.body == b"2":
                raise StorageError(f"The result {location} cannot be read.")
            return payload

    transport = Unreadable(size_of, clock=clock)
    with pytest.raises(StorageError, match="cannot be read"):
        run.go_on(run.begin(transport), transport)
    assert run.lines() == ALL | {"2.png": ("QUEUED", None)}

    repaired = InMemoryTransport(size_of, clock=clock)
    repaired._objects = transport._objects
    assert run.go_on(Ticket.open(run.ticket), repaired) == ALL
    assert repaired.calls["get"] == 1  # the finished ones come from the ticket
    assert repaired.calls["submit"] == 0


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_a_clock_that_was_set_expires_nothing(run: Run, clock: Clock, jump: float) -> None:
    """The first process ends before the results; the machine's clock jumps; the service's goes on."""

    class Slow(InMemoryTransport):
        ready = False

        def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
            page = super().list_page(prefix, start_after)
            if not self.ready:
                raise StorageError("The network is down.")
            return page

    transport = Slow(size_of, seconds=lambda _: 100, clock=lambda: clock.now - offset)
    offset = 0.0
    with pytest.raises(StorageError):
        run.go_on(run.begin(transport), transport)

    clock.now += jump
    offset = jump
    transport.ready = True
    assert run.go_on(Ticket.open(run.ticket), transport) == ALL


def test_results_of_a_service_whose_clock_was_set_back_are_taken(run: Run, clock: Clock) -> None:
    class Back(InMemoryTransport):
        def submit(self, request: InvocationRequest) -> Acceptance:
            accepted = super().submit(request)
            later = accepted.accepted_at + timedelta(seconds=60)
            return type(accepted)(accepted.inference_id, accepted.output_location, accepted.failure_location, later)

    transport = Back(size_of, clock=clock)
    assert run.go_on(run.begin(transport), transport) == ALL


def test_a_file_that_changed_is_sent_as_it_is_and_reported(run: Run, clock: Clock) -> None:
    transport = InMemoryTransport(size_of, clock=clock)
    ticket = run.begin(transport)
    (run.folder / "2.png").write_bytes(b"longer")
    summary = resume_run(ticket, run.endpoint(transport), run.output, RunOptions())
    ticket.close()

    assert run.lines()["2.png"] == ("COMPLETED", 6)
    assert summary.remarks == ("1 document has changed since the run began, and went out as of now.",)
    assert summary.counts == {DocumentState.COMPLETED: 3}


def test_a_document_in_doubt_that_an_operator_cancelled_is_cancelled(run: Run, clock: Clock) -> None:
    class Records:
        def get(self, job: str) -> JobRecord:
            return JobRecord(job_id=job, state=JobState.CANCELLED, reason="By hand.")

    transport = BreaksOff(lost={2}, taken=False, clock=clock)

    assert run.go_on(run.begin(transport), transport, records=Records()) == ALL | {"2.png": ("CANCELLED", None)}
    assert transport.calls["delete"] == 0


@pytest.mark.parametrize("taken", [False, True])
def test_an_object_in_doubt_is_never_deleted_because_the_run_did_not_make_it(
    run: Run, clock: Clock, *, taken: bool
) -> None:
    """The process ends between the claim of an object and its acceptance; a later one resolves the doubt."""
    transport = BreaksOff(lost=set(), taken=False, clock=clock)
    objects = [S3Location("inputs", f"scans/{size}.png") for size in (1, 2, 3)]
    for size, location in enumerate(objects, start=1):
        transport.put(location, b"x" * size)
    documents: list[Path | S3Location] = [run.folder / "1.png", *objects]
    ticket = new_ticket(
        run.folder, documents, run.endpoint(transport), run.output, run="R", path=run.ticket, invocation_timeout=600
    )
    claimed = next(entry for entry in ticket.entries(DocumentState.WAITING) if entry.file == objects[1].uri)
    ticket.submitting(claimed.number, upload=None, size=0, mtime_ns=0, sha256=None)
    if taken:
        request = InvocationRequest(
            endpoint_name="receipts",
            input_location=objects[1].uri,
            inference_id=claimed.inference_id,
            s3_output_path_extension="runs/R",
            filename=f"{result_stem(claimed.inference_id)}.out",
        )
        transport.submit(request)
    ticket.close()

    lines = run.go_on(Ticket.open(run.ticket), transport, doubt_seconds=5)

    assert lines == {"1.png": ("COMPLETED", 1)} | {
        location.uri: ("COMPLETED", size) for size, location in enumerate(objects, start=1)
    }
    assert transport.calls["delete"] == 0
    assert all(transport.get(location).body for location in objects)
    assert len(transport.requests) == 4
    assert [said.partition(": ")[2] for said in run.said] == (
        [] if taken else [f"it is submitted again under a new id. {STAYS}"]
    )


@pytest.mark.parametrize(
    ("number", "who", "consequence"),
    [
        (1, "1 document was", "its upload is deleted, and it is submitted again under a new id."),
        (2, "2 documents were", "their uploads are deleted, and they are submitted again under new ids."),
    ],
)
def test_the_remark_about_documents_that_are_submitted_again_follows_their_number(
    number: int, who: str, consequence: str
) -> None:
    uploaded: Any = SimpleNamespace(is_object=False)
    (remark,) = renewal_remarks([uploaded] * number)
    assert remark.startswith(f"{who} most likely never taken")
    assert remark.endswith(consequence)
