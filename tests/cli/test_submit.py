"""Documents are submitted without waiting, and `wait` collects their outcomes: none is sent twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3.client import S3Client

    from async_endpoint.protocol import InvocationRequest
    from tests.support.endpoint_fixtures import EndpointServer

pytestmark = pytest.mark.usefixtures("local_services", "folder")

DOCUMENTS = 20
COMMAND = [sys.executable, "-c", "from async_endpoint.cli import main; main()"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(DOCUMENTS):
        (folder / f"{number:02}.png").write_bytes(b"x" * (number + 1))
    monkeypatch.chdir(tmp_path)
    return folder


def target(bucket: str) -> list[str]:
    return ["--endpoint", "receipts", "--input", f"s3://{bucket}/in", "--no-wake"]


def run(*arguments: str, **settings: Any) -> Result:
    return CliRunner().invoke(main, list(arguments), **settings)


def sent(server: EndpointServer) -> Counter[str]:
    return Counter(str(request.input_location).rpartition("/")[2] for request in server.requests)


def test_submit_returns_with_all_accepted_and_wait_collects(folder: Path, bucket: str, server: EndpointServer) -> None:
    submitted = run("submit", "scans", *target(bucket))

    assert submitted.exit_code == 0, submitted.output
    assert submitted.stdout.startswith(f"{DOCUMENTS} accepted, 0 rejected, in ")
    number = submitted.stdout.partition("; run ")[2].partition(":")[0]
    assert f"`async-endpoint wait {number}`" in submitted.stdout
    assert len(server.requests) == DOCUMENTS
    assert f"{DOCUMENTS} queued" in run("runs").stdout

    waited = run("wait", "--no-wake")

    assert waited.exit_code == 0, waited.output
    assert waited.stdout.startswith(f"{DOCUMENTS} documents: {DOCUMENTS} completed")
    assert f"finished {DOCUMENTS}/{DOCUMENTS}" in waited.stderr
    assert len(server.requests) == DOCUMENTS
    assert [path.name for path in folder.parent.iterdir() if path.suffix == ".jsonl"] == []
    assert run("wait", number).exit_code == 0, "all outcomes are known"
    assert "Every run of this machine is finished" in run("resume").output


def test_files_patterns_lists_and_folders_are_sources_and_each_document_is_sent_once(
    folder: Path, bucket: str, server: EndpointServer
) -> None:
    (folder / "notes.txt").write_bytes(b"?")
    listed = b"scans/03.png\r\n\nscans/00.png\n" + os.fsencode(folder) + b"/04.png"

    result = run(
        "submit", "scans/00.png", "./scans/01.png", "scans/0[12].*", "-", "--json", *target(bucket), input=listed
    )

    assert result.exit_code == 0, result.output
    assert sent(server) == dict.fromkeys((f"0{number}.png" for number in range(5)), 1)
    line = json.loads(result.stdout)
    assert (line["documents"], line["queued"], line["output"], line["error"]) == (5, 5, None, None)
    assert line["ticket"].endswith(f"{line['run']}.sqlite")

    (waited,) = [json.loads(text) for text in run("wait", "--json", "--no-wake").stdout.splitlines()]
    assert waited | {"seconds": 0} == line | {"seconds": 0, "completed": 5, "queued": 0}


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        (["scans/none.png"], "There is no file and no folder scans/none.png"),
        (["scans/*.gif"], "No file matches 'scans/*.gif'"),
        (["empty"], "empty holds no image and no PDF"),
        (["-"], "The standard input names no document"),
        (["s3://x/"], "'x' is not a bucket name"),
        ([], "Missing argument"),
    ],
)
def test_a_source_that_is_not_there_is_a_sentence_and_nothing_is_sent(
    folder: Path, bucket: str, server: EndpointServer, tickets: Path, *, sources: list[str], sentence: str
) -> None:
    (folder.parent / "empty").mkdir()

    result = run("submit", "scans/00.png", *sources, *target(bucket), input=b"\n") if sources else run("submit")

    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert sentence in " ".join(result.output.split())
    assert server.requests == []
    assert not tickets.exists()


def test_objects_are_submitted_where_they_are(bucket: str, server: EndpointServer, s3: S3Client) -> None:
    for key in ("docs/a.png", "docs/more/b.PDF", "docs/c.txt", "docs/", "other/d.png"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    before = {each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]}

    result = run("submit", f"s3://{bucket}/docs/", f"s3://{bucket}/other/d.png", "scans/00.png", *target(bucket))

    assert result.exit_code == 0, result.output
    places = {str(request.input_location) for request in server.requests}
    objects = {f"s3://{bucket}/{key}" for key in ("docs/a.png", "docs/more/b.PDF", "other/d.png")}
    assert objects < places
    assert len(places) == 4
    after = {each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert sum(key.endswith((".png", ".PDF")) for key in after - before) == 1, "the file alone is uploaded"
    assert run("wait", "--no-wake").stdout.startswith("4 documents: 4 completed")

    empty = run("submit", f"s3://{bucket}/none/", *target(bucket))
    assert empty.exit_code == 2
    assert "There is no image and no PDF below" in " ".join(empty.output.split())


def test_a_rejected_document_has_a_line_and_gives_exit_code_1(bucket: str, server: EndpointServer) -> None:
    server.rejections = [(HTTPStatus.BAD_REQUEST, "ValidationError", "The document is not welcome.")]

    result = run("submit", "scans", *target(bucket))

    assert result.exit_code == 1
    assert f"{DOCUMENTS - 1} accepted, 1 rejected" in result.stdout
    assert result.stderr.count("The document is not welcome.") == 1
    assert run("wait", "--no-wake").exit_code == 1


def test_a_submission_that_sends_nothing_leaves_no_ticket(bucket: str, server: EndpointServer, tickets: Path) -> None:
    server.rejections = [(HTTPStatus.BAD_REQUEST, "ValidationError", "Endpoint receipts of account 1 not found.")] * 99

    result = run("submit", "scans", "--json", *target(bucket))

    assert result.exit_code == 1
    assert "There is no endpoint receipts here" in result.stderr
    assert result.stderr.splitlines()[-1].endswith("Nothing was sent.")
    line = json.loads(result.stdout)
    assert line["ticket"] is None
    assert "There is no endpoint" in line["error"]
    assert list(tickets.iterdir()) == []


@pytest.mark.parametrize("takes", [True, False])
def test_after_kill_9_in_the_middle_wait_sends_the_rest_once(
    bucket: str, server: EndpointServer, *, takes: bool
) -> None:
    killed = subprocess.Popen(  # our own command
        [*COMMAND, "submit", "scans", *target(bucket), "--concurrency", "4"], stderr=subprocess.DEVNULL
    )
    left = [DOCUMENTS // 2]

    def kills(_: InvocationRequest) -> bool:
        left[0] -= 1
        if left[0] != 0:
            return True
        killed.kill()
        killed.wait()
        return takes

    with killed:
        server.before_taking = kills
        killed.wait(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    server.before_taking = None
    assert 0 < len(server.requests) < DOCUMENTS

    result = run("wait", "--doubt-seconds", "1", "--no-wake")

    assert result.exit_code == 0, result.output
    assert f"{DOCUMENTS} documents: {DOCUMENTS} completed" in result.stdout
    assert set(sent(server).values()) == {1}
    assert len(sent(server)) == DOCUMENTS


def test_wait_gives_up_in_time_and_goes_on_later(bucket: str, server: EndpointServer) -> None:
    server.writes_results = False
    assert run("submit", "scans/00.png", *target(bucket)).exit_code == 0

    result = run("wait", "--timeout", "0.2", "--json", "--no-wake")

    assert result.exit_code == 1
    assert "1 of 1 job had no result after 0.2 s; the endpoint continues." in result.stderr
    assert "continue by `async-endpoint wait 2" in result.stderr
    line = json.loads(result.stdout)
    assert (line["queued"], line["completed"]) == (1, 0)
    assert "no result" in line["error"]


def test_wait_without_a_run_is_a_sentence() -> None:
    result = run("wait")

    assert result.exit_code == 1
    assert "There is no run on this machine" in result.output
