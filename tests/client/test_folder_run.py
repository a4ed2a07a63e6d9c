"""`async-endpoint run`: folders in, lines of JSON out, and exit codes that scripts can trust."""

from __future__ import annotations

import io
import json
import socket
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner
from rich.console import Console

from async_endpoint.cli import FolderError, RunInterrupted, main, run_folder
from async_endpoint.cli.progress import Bars, Lines
from async_endpoint.client import (
    AsyncEndpoint,
    InMemoryTransport,
    Job,
    JobState,
    ModelError,
    ResultTimeout,
    StorageError,
)
from async_endpoint.client.folder_run import documents_in
from async_endpoint.operations.stack_outputs import StackError, read_outputs

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.client import Payload
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
    assert [path.name for path in documents_in(folder)] == ["a.JPG", "b.png", "c.pdf"]
    assert [path.name for path in documents_in(folder, limit=2)] == ["a.JPG", "b.png"]
    assert [path.name for path in documents_in(folder, pattern="**/*.png")] == ["b.png", "d.png"]
    assert [path.name for path in documents_in(folder, pattern="*.txt")] == ["notes.txt"]


@pytest.mark.parametrize(
    ("name", "pattern", "sentence"),
    [
        ("nowhere", None, "nowhere is not a folder"),
        ("b.png", None, "b.png is not a folder"),
        ("empty", None, "empty holds no image and no PDF"),
        (".", "*.gif", r"holds nothing that matches '\*\.gif'"),
    ],
)
def test_a_folder_without_documents_is_refused_with_a_sentence(
    folder: Path, name: str, pattern: str | None, sentence: str
) -> None:
    (folder / "empty").mkdir()

    with pytest.raises(FolderError, match=sentence):
        documents_in(folder / name, pattern=pattern)


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


def test_a_document_that_was_never_taken_has_its_line_too(folder: Path, tmp_path: Path) -> None:
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

    def submitted(self, job: Job) -> None:  # noqa: ARG002
        self._press("submitted")

    def ended(self, job: Job) -> None:  # noqa: ARG002
        self._press("ended")

    def stop(self) -> None:
        self.stopped = True

    def _press(self, moment: str) -> None:
        self.left -= moment == self.moment
        if moment == self.moment and self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("moment", "submitted", "completed"), [("submitted", 2, 0), ("ended", 3, 2)])
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


def test_results_that_cannot_be_asked_for_still_leave_their_lines(folder: Path, tmp_path: Path) -> None:
    class Refuses(InMemoryTransport):
        def get(self, location: S3Location) -> Payload:
            raise StorageError(f"The result {location} cannot be read.")

    with pytest.raises(StorageError):
        run_folder(folder, endpoint_on(Refuses(model)), tmp_path / "out")

    assert [line["state"] for line in lines_of(tmp_path / "out")] == ["QUEUED"] * 3


def test_a_run_that_takes_too_long_ends_in_time_and_leaves_its_lines(folder: Path, tmp_path: Path) -> None:
    transport = InMemoryTransport(model, seconds=lambda request: 0 if request.content_type == "image/png" else 600)
    (folder / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    with pytest.raises(ResultTimeout, match=r"2 of 3 jobs have no answer after 0\.5 s"):
        run_folder(folder, endpoint_on(transport), tmp_path / "out", timeout=0.5)

    states = {line["file"]: line["state"] for line in lines_of(tmp_path / "out")}
    assert states == {"a.JPG": "QUEUED", "b.png": "COMPLETED", "c.pdf": "QUEUED"}


@pytest.fixture
def job() -> Job:
    job = endpoint_on(InMemoryTransport(model)).submit(b"bad", inference_id="id-1")
    job.status()
    assert job.state is JobState.FAILED
    return job


def test_a_log_gets_about_ten_lines_a_phase_and_every_failure(job: Job) -> None:
    text = io.StringIO()
    lines = Lines(Console(file=text))

    lines.start(200)
    for _ in range(200):
        lines.submitted(job)
    lines.ended(job)
    lines.stop()

    written = text.getvalue().splitlines()
    assert written[:2] == ["200 documents", "submitted 20/200"]
    assert written[10:] == ["submitted 200/200", "document failed: The image cannot be read."]


def test_a_terminal_gets_bars(job: Job) -> None:
    text = io.StringIO()
    bars = Bars(Console(file=text, force_terminal=True, width=100))

    bars.start(1)
    bars.submitted(job)
    bars.ended(job)
    bars.stop()

    assert "submitted" in text.getvalue()
    assert "1/1" in text.getvalue()
    assert "document failed: The image cannot be read." in text.getvalue()


def test_outputs_of_several_stacks_are_read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    cloudformation = boto3.Session(aws_access_key_id="k", aws_secret_access_key="s").client("cloudformation")  # noqa: S106

    def described(name: str, outputs: dict[str, str]) -> dict[str, Any]:
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        when = "2026-01-01T00:00:00Z"
        return {
            "Stacks": [{"StackName": name, "CreationTime": when, "StackStatus": "CREATE_COMPLETE", "Outputs": listed}]
        }

    with Stubber(cloudformation) as stubbed:
        stubbed.add_response("describe_stacks", described("A", {"InputBucketName": "b"}), {"StackName": "A"})
        stubbed.add_response("describe_stacks", described("B", {"EndpointName": "e"}), {"StackName": "B"})
        assert read_outputs(cloudformation, ["A", "B"]) == {"InputBucketName": "b", "EndpointName": "e"}

        stubbed.add_client_error("describe_stacks", "ValidationError", "Stack with id C does not exist")
        with pytest.raises(StackError, match=r"The outputs of stack C cannot be read: .*does not exist"):
            read_outputs(cloudformation, ["C"])
    cloudformation.close()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 has all it needs, and nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://localhost:{probe.getsockname()[1]}")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("none", 2, "none is not a folder"),
        ("receipts", 2, "Name the endpoint by --endpoint"),
        ("receipts --endpoint e", 2, "Say where documents are uploaded by --input"),
        ("receipts --endpoint e --input bucket/in", 2, "--input: 'bucket/in' is not a location in S3"),
        ("receipts --endpoint e --input s3://b-1/ --ttl 59", 2, "59 is not in the range 60<=x<=21600"),
        ("receipts --endpoint e --input s3://b-1/ --output no/out", 2, "no/out cannot be written: No such file"),
        ("receipts --endpoint e --stack S", 1, "The outputs of stack S cannot be read: Could not connect"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, code: int, sentence: str
) -> None:
    monkeypatch.chdir(folder.parent)

    result = CliRunner().invoke(main, ["run", *arguments.split()])

    assert (result.exit_code, type(result.exception)) == (code, SystemExit)
    assert sentence in " ".join(result.output.split())


def test_the_command_knows_its_version() -> None:
    assert version("async-endpoint") in CliRunner().invoke(main, ["--version"]).output
