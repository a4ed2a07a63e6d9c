"""The `run` command with boto3's own environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from async_endpoint.cli import main

if TYPE_CHECKING:
    import boto3

    from tests.support.endpoint_fixtures import EndpointServer

pytestmark = pytest.mark.usefixtures("local_services")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "receipts"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(b"x" * number)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def stack(aws_url: str, session: boto3.Session) -> str:
    """A deployed stack with the outputs of an endpoint."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    template = {
        "Resources": {"Inputs": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {"EndpointName": {"Value": "receipts"}, "InputBucketName": {"Value": {"Ref": "Inputs"}}},
    }
    cloudformation = session.client("cloudformation", endpoint_url=aws_url)
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    cloudformation.close()
    return name


def test_a_stack_is_all_that_the_command_needs_to_know(folder: Path, stack: str, server: EndpointServer) -> None:
    result = CliRunner().invoke(main, ["run", str(folder), "--stack", stack, "--limit", "2"])

    assert result.exit_code == 0, result.output
    assert "2 documents: 2 completed, 0 failed, 0 expired" in result.stdout
    lines = [json.loads(line) for line in (folder.parent / "results.jsonl").read_text().splitlines()]
    assert sorted((line["file"], line["answer"]["bytes"]) for line in lines) == [("0.png", 0), ("1.png", 1)]
    assert all("/run/" in str(request.input_location) for request in server.requests)


def test_one_failed_document_gives_exit_code_1_and_its_reason(folder: Path, bucket: str) -> None:
    (folder / "3.png").write_bytes(b"bad")

    result = CliRunner().invoke(main, ["run", str(folder), "--endpoint", "receipts", "--input", f"s3://{bucket}/in"])

    assert result.exit_code == 1
    assert "4 documents: 3 completed, 1 failed" in result.stdout
    assert "3.png failed: The image cannot be read." in result.stderr


def test_a_missing_endpoint_is_one_sentence(folder: Path, bucket: str, server: EndpointServer) -> None:
    server.rejections = [(HTTPStatus.BAD_REQUEST, "ValidationError", "Endpoint receipts of account 1 not found.")] * 100

    result = CliRunner().invoke(main, ["run", str(folder), "--endpoint", "receipts", "--input", f"s3://{bucket}/in"])

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: There is no endpoint receipts here: ")


def test_ctrl_c_reports_what_was_submitted_and_the_locations_of_the_results(
    folder: Path, bucket: str, server: EndpointServer
) -> None:
    server.writes_results = False
    # Started in a shell's background, the tests ignore Ctrl-C, and so would every child of theirs.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heeding}; from async_endpoint.cli import main; main()", "run", str(folder)]

    with subprocess.Popen(  # our own command
        [*command, "--endpoint", "receipts", "--input", f"s3://{bucket}/in"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while "submitted 3/3" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, error_output = process.communicate(timeout=30)

    assert process.returncode == 130
    assert error_output.startswith("Interrupted after 3 documents: 0 completed, 0 failed, 0 expired, 3 still queued")
    assert "Traceback" not in error_output
    lines = [json.loads(line) for line in (folder.parent / "results.jsonl").read_text().splitlines()]
    assert [line["state"] for line in lines] == ["QUEUED"] * 3
    assert all(line["output_location"].startswith(f"s3://{bucket}/out/") for line in lines)


def test_a_name_that_is_not_utf_8_fails_and_is_written_like_any_other(folder: Path, bucket: str) -> None:
    name = b"caf\xe9.png"
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"bad")
    arguments = ["run", str(folder), "--endpoint", "receipts", "--input", f"s3://{bucket}/in", "--no-wake"]

    result = subprocess.run(  # our own command
        [sys.executable, "-c", "from async_endpoint.cli import main; main()", *arguments],
        capture_output=True,
        check=False,
    )

    assert result.returncode == 1
    assert b"Traceback" not in result.stderr
    lines = [json.loads(line) for line in (folder.parent / "results.jsonl").read_text().splitlines()]
    assert {os.fsencode(line["file"]): line["state"] for line in lines} == {
        **dict.fromkeys((b"0.png", b"1.png", b"2.png"), "COMPLETED"),
        name: "FAILED",
    }
