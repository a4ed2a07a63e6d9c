"""A folder of documents becomes one line of JSON for each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.client import (
    AsyncEndpoint,
    FolderError,
    InMemoryTransport,
    JobState,
    ModelError,
    ResultTimeout,
    RunInterrupted,
    StorageError,
    run_folder,
)
from async_endpoint.client.folder_documents import find_documents
from async_endpoint.client.ticket_store import read_run

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.client import Job, Payload
    from async_endpoint.protocol import InvocationRequest, S3Location


def model(_: InvocationRequest, document: bytes) -> bytes:
    if document == b"bad":
        raise ModelError("The image cannot be read.")
    return b"total: 7" if document == b"plain" else json.dumps({"店": len(document)}).encode()


def endpoint_on(transport: InMemoryTransport) -> AsyncEndpoint:
    return AsyncEndpoint("receipts", input_location="s3://inputs/", transport=transport)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "receipts"
    (folder / "more").mkdir(parents=True)
    for name, content in {"b.png": b"xx", "a.JPG": b"x", "c.pdf": b"plain", "more/d.png": b"xxxx"}.items():
        (folder / name).write_bytes(content)
    for name in ("notes.txt", ".hidden.png"):
        (folder / name).write_bytes(b"?")
    return folder


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_images_and_pdfs_of_a_folder_are_its_documents(folder: Path) -> None:
    assert [path.name for path in find_documents(folder).documents] == ["a.JPG", "b.png", "c.pdf"]
    assert [path.name for path in find_documents(folder, limit=2).documents] == ["a.JPG", "b.png"]
    assert [path.name for path in find_documents(folder, pattern="**/*.png").documents] == ["b.png", "d.png"]
    assert [path.name for path in find_documents(folder, pattern="*.txt").documents] == ["notes.txt"]


@pytest.mark.parametrize(
    ("name", "pattern", "sentence"),
    [
        ("nowhere", None, "nowhere is not a folder"),
        ("b.png", None, "b.png is not a folder"),
        ("empty", None, "empty holds no image and no PDF"),
        (".", "*.gif", r"holds nothing that matches '\*\.gif'"),
    ],
)
def test_a_folder_without_documents_is_rejected_with_a_sentence(
    folder: Path, name: str, pattern: str | None, sentence: str
) -> None:
    (folder / "empty").mkdir()

    with pytest.raises(FolderError, match=sentence):
        find_documents(folder / name, pattern=pattern)


def test_every_document_has_its_line(folder: Path, tmp_path: Path) -> None:
    (folder / "d.png").write_bytes(b"bad")
    output = tmp_path / "results.jsonl"

    summary = run_folder(folder, endpoint_on(InMemoryTransport(model)), output)

    written = {line["file"]: line for line in lines_of(output)}
    assert {file: (line["state"], line["answer"], line["reason"]) for file, line in written.items()} == {
        "a.JPG": ("COMPLETED", {"店": 1}, None),
        "b.png": ("COMPLETED", {"店": 2}, None),
        "c.pdf": ("COMPLETED", "total: 7", None),
        "d.png": ("FAILED", None, "The image cannot be read."),
    }
    jobs = {job.document: job for job in summary.jobs}
    for file, line in written.items():
        job = jobs[str(folder / file)]
        assert line["output_location"] == str(job.output_location)
        assert line["failure_location"] == str(job.failure_location)
        assert line["inference_id"] == job.inference_id
        assert 0 <= line["seconds"] < 10
    assert list(jobs) == [str(folder / name) for name in ("a.JPG", "b.png", "c.pdf", "d.png")]
    assert not summary.all_completed
    assert str(summary).startswith("4 documents: 3 completed, 1 failed, 0 expired, in ")


def test_the_settings_of_a_run_reach_every_request(folder: Path, tmp_path: Path) -> None:
    transport = InMemoryTransport(model)

    run_folder(
        folder,
        endpoint_on(transport),
        tmp_path / "out",
        content_type="application/x-image",
        ttl=60,
        invocation_timeout=7,
        limit=2,
    )

    assert [
        (sent.content_type, sent.request_ttl_seconds, sent.invocation_timeout_seconds) for sent in transport.requests
    ] == [("application/x-image", 60, 7)] * 2


def test_a_document_that_was_not_accepted_has_its_line_too(folder: Path, tmp_path: Path) -> None:
    endpoint = AsyncEndpoint("receipts", transport=InMemoryTransport(model))

    run_folder(folder, endpoint, tmp_path / "out", limit=1)

    (line,) = lines_of(tmp_path / "out")
    assert (line["file"], line["state"], line["output_location"]) == ("a.JPG", "FAILED", None)
    assert "no input_location" in line["reason"]


class Interruption:
    """Progress that presses Ctrl-C when the given moment comes, for the given time."""

    def __init__(self, moment: str, count: int) -> None:
        self.moment, self.left, self.stopped = moment, count, False

    def start(self, documents: int) -> None: ...

    def submitted(self, _: Job, /) -> None:
        self._press("submitted")

    def finished(self, _: Job, /) -> None:
        self._press("finished")

    def stop(self) -> None:
        self.stopped = True

    def _press(self, moment: str) -> None:
        self.left -= moment == self.moment
        if moment == self.moment and self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("moment", "submitted", "completed"), [("submitted", 2, 0), ("finished", 3, 2)])
def test_ctrl_c_leaves_a_line_for_everything_that_was_submitted(
    folder: Path, tmp_path: Path, moment: str, submitted: int, completed: int
) -> None:
    transport = InMemoryTransport(model)
    endpoint = AsyncEndpoint("receipts", input_location="s3://inputs/", transport=transport, concurrency=1)
    progress, output = Interruption(moment, 2), tmp_path / "out"

    with pytest.raises(RunInterrupted) as interrupted:
        run_folder(folder, endpoint, output, progress=progress)

    lines = lines_of(output)
    assert len(lines) == len(interrupted.value.summary.jobs) >= submitted
    assert len(lines) == len(transport.requests)
    assert all(line["output_location"] for line in lines)
    assert sum(line["state"] == "COMPLETED" for line in lines) >= completed
    assert progress.stopped


def test_results_that_cannot_be_read_still_leave_their_lines(folder: Path, tmp_path: Path) -> None:
    class Fails(InMemoryTransport):
        def get(self, location: S3Location) -> Payload:
            raise StorageError(f"The result {location} cannot be read.")

    with pytest.raises(StorageError):
        run_folder(folder, endpoint_on(Fails(model)), tmp_path / "out")

    assert [line["state"] for line in lines_of(tmp_path / "out")] == ["QUEUED"] * 3


def test_a_run_that_takes_too_long_ends_in_time_and_leaves_its_lines(folder: Path, tmp_path: Path) -> None:
    transport = InMemoryTransport(model, seconds=lambda request: 0 if request.content_type == "image/png" else 600)
    (folder / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    with pytest.raises(ResultTimeout, match=r"2 of 3 jobs had no result after 0\.5 s"):
        run_folder(folder, endpoint_on(transport), tmp_path / "out", timeout=0.5)

    states = {line["file"]: line["state"] for line in lines_of(tmp_path / "out")}
    assert states == {"a.JPG": "QUEUED", "b.png": "COMPLETED", "c.pdf": "QUEUED"}


class Cancels:
    """Progress that cancels the jobs of some documents once they are accepted."""

    def __init__(self, *names: str) -> None:
        self.names, self.finished_states = names, list[JobState]()

    def start(self, documents: int) -> None: ...

    def submitted(self, job: Job, /) -> None:
        if job.document.endswith(self.names):
            assert job.cancel()

    def finished(self, job: Job, /) -> None:
        self.finished_states.append(job.state)

    def stop(self) -> None: ...


def test_a_cancelled_document_has_its_line_and_its_count_and_is_final(folder: Path, tmp_path: Path) -> None:
    transport = InMemoryTransport(model, seconds=lambda request: 0 if request.content_type == "application/pdf" else 9)
    progress, ticket = Cancels(".JPG", "b.png"), tmp_path / "ticket.sqlite"

    summary = run_folder(folder, endpoint_on(transport), tmp_path / "out", progress=progress, ticket=ticket)

    lines = {line["file"]: line for line in lines_of(tmp_path / "out")}
    states = {file: line["state"] for file, line in lines.items()}
    assert states == {"a.JPG": "CANCELLED", "b.png": "CANCELLED", "c.pdf": "COMPLETED"}
    assert "was cancelled here" in lines["b.png"]["reason"]
    assert lines["b.png"]["output_location"]
    assert str(summary).startswith("3 documents: 1 completed, 0 failed, 0 expired, 2 cancelled, in ")
    assert (summary.count(JobState.CANCELLED), summary.all_completed) == (2, False)
    assert sorted(progress.finished_states) == [JobState.CANCELLED, JobState.CANCELLED, JobState.COMPLETED]
    assert read_run(ticket).is_finished
