"""A submission or a wait that is broken off or locked out continues from its ticket: no document is sent twice."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.client import Ticket

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3.client import S3Client

    from async_endpoint.protocol import InvocationRequest
    from tests.support.endpoint_fixtures import EndpointServer

pytestmark = pytest.mark.usefixtures("local_services", "folder")

DOCUMENTS = 12
# Started in a shell's background, the tests ignore Ctrl-C, and so would every child of theirs.
HEEDING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
COMMAND = [sys.executable, "-c", f"{HEEDING}; from async_endpoint.cli import main; main()"]


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


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # our own command
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def sent(server: EndpointServer) -> Counter[str]:
    return Counter(str(request.input_location).rpartition("/")[2] for request in server.requests)


def at_request(number: int, act: Any) -> Any:
    """Returns what calls `act` in the middle of that request, and takes all requests but those it returns False for."""
    left = [number]

    def before_taking(_: InvocationRequest) -> bool:
        left[0] -= 1
        return act() if left[0] == 0 else True

    return before_taking


def test_ctrl_c_in_submit_leaves_a_ticket_that_sends_the_rest_once(bucket: str, server: EndpointServer) -> None:
    with started("submit", "scans", "--json", "--concurrency", "1", *target(bucket)) as process:

        def interrupt() -> bool:
            process.send_signal(signal.SIGINT)
            return True

        server.before_taking = at_request(DOCUMENTS // 2, interrupt)
        output, errors = process.communicate(timeout=60)
    server.before_taking = None

    assert process.returncode == 130
    taken = len(server.requests)
    assert DOCUMENTS // 2 <= taken < DOCUMENTS
    assert f"Interrupted after {taken} accepted, 0 rejected, {DOCUMENTS - taken} not sent, in " in errors
    line = json.loads(output)
    assert f"continue by `async-endpoint wait {line['run']}`." in errors
    assert "Traceback" not in errors
    assert (line["queued"], line["not_sent"], line["in_doubt"]) == (taken, DOCUMENTS - taken, 0)
    assert line["error"] == "Interrupted."

    waited = run("wait", line["run"], "--no-wake")

    assert waited.exit_code == 0, waited.output
    assert f"{DOCUMENTS} documents: {DOCUMENTS} completed" in waited.stdout
    assert sent(server) == dict.fromkeys((f"{number:02}.png" for number in range(DOCUMENTS)), 1)


def test_ctrl_c_in_wait_leaves_a_ticket_that_has_the_rest(bucket: str, server: EndpointServer) -> None:
    server.writes_results = False
    assert run("submit", "scans", *target(bucket)).exit_code == 0

    with started("wait", "--json", "--no-wake") as process:
        assert process.stderr is not None
        while f"submitted {DOCUMENTS}/{DOCUMENTS}" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    line = json.loads(output)
    assert (line["queued"], line["output"], line["error"]) == (DOCUMENTS, None, "Interrupted.")
    assert f"{DOCUMENTS} still queued" in errors
    assert f"continue by `async-endpoint wait {line['run']}`." in errors
    assert "Traceback" not in errors
    server.writes_results = True
    for request in server.requests:
        server.write_outcome(request)
    assert run("wait", line["run"], "--no-wake").exit_code == 0
    assert len(server.requests) == DOCUMENTS


def test_a_second_process_on_the_same_ticket_is_a_sentence(bucket: str, server: EndpointServer, tickets: Path) -> None:
    assert run("submit", "scans", *target(bucket)).exit_code == 0
    (path,) = tickets.glob("*.sqlite")

    with closing(Ticket.open(path)):
        waiting = run("wait")
        submitting = run("submit", "scans", "--ticket", str(path), *target(bucket))

    assert (waiting.exit_code, submitting.exit_code) == (2, 1)
    assert "Another process uses the ticket" in waiting.stderr
    assert f"There is a ticket {path} already" in " ".join(submitting.stderr.split())
    assert waiting.stdout == submitting.stdout == ""
    assert len(server.requests) == DOCUMENTS
    assert run("wait", "--no-wake").exit_code == 0


def test_after_kill_9_objects_in_doubt_stay_in_their_bucket(bucket: str, server: EndpointServer, s3: S3Client) -> None:
    keys = {f"docs/{number:02}.png" for number in range(DOCUMENTS)}
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    with started("submit", f"s3://{bucket}/docs/", "--concurrency", "4", *target(bucket)) as process:

        def kill() -> bool:
            process.kill()
            process.wait()
            return False

        server.before_taking = at_request(DOCUMENTS // 2, kill)
        process.communicate(timeout=60)
    server.before_taking = None
    assert process.returncode == -signal.SIGKILL

    result = run("wait", "--doubt-seconds", "1", "--no-wake")

    assert result.exit_code == 0, result.output
    assert "Objects in S3 stay" in " ".join(result.stderr.split())
    assert set(sent(server)) == {key.rpartition("/")[2] for key in keys}
    assert keys == {each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="docs/")["Contents"]}


def test_wait_leaves_the_file_of_results_of_a_run_to_resume(bucket: str, server: EndpointServer, folder: Path) -> None:
    results = folder.parent / "results.jsonl"
    with started("run", "scans", "--concurrency", "1", *target(bucket)) as process:

        def kill() -> bool:
            process.kill()
            process.wait()
            return True

        server.before_taking = at_request(2, kill)
        process.communicate(timeout=60)
    server.before_taking = None

    waited = run("wait", "--doubt-seconds", "1", "--no-wake")

    assert waited.exit_code == 0, waited.output
    assert "; the ticket state/runs/" in waited.stdout
    assert not results.exists()
    assert run("resume", "--no-wake").exit_code == 0
    assert len(results.read_text().splitlines()) == DOCUMENTS == len(server.requests)


@pytest.mark.parametrize("fetching", ["wait", "results"])
def test_the_file_of_an_interrupted_run_waits_for_resume_once_the_outcomes_are_known(
    bucket: str, server: EndpointServer, folder: Path, tickets: Path, *, fetching: str
) -> None:
    results = folder.parent / "results.jsonl"
    server.writes_results = False
    with started("run", "scans", *target(bucket)) as process:
        assert process.stderr is not None
        while f"submitted {DOCUMENTS}/{DOCUMENTS}" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    server.writes_results = True
    for request in server.requests:
        server.write_outcome(request)
    (ticket,) = tickets.glob("*.sqlite")

    assert run(fetching, ticket.stem, *(["--no-wake"] if fetching == "wait" else [])).exit_code == 0

    assert {json.loads(line)["state"] for line in results.read_text().splitlines()} == {"QUEUED"}
    assert "0 tickets" in run("runs", "--prune", "0").stdout
    assert run("resume", "--no-wake").exit_code == 0
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [line["state"] for line in lines] == ["COMPLETED"] * DOCUMENTS
    assert "1 ticket of" in run("runs", "--prune", "0").stdout


def test_wait_and_resume_keep_the_ticket_and_the_lines_of_a_run_whose_documents_were_all_rejected(
    bucket: str, folder: Path, tickets: Path
) -> None:
    results = folder.parent / "results.jsonl"
    rejected = run("run", "scans", "--content-type", "not ascii: é", *target(bucket))
    assert (rejected.exit_code, rejected.stdout.endswith("; see results.jsonl\n")) == (1, True)
    written = results.read_text()
    (ticket,) = tickets.glob("*.sqlite")

    waited = run("wait", "--no-wake")
    resumed = run("resume", ticket.stem, "--no-wake")

    assert (waited.exit_code, resumed.exit_code) == (1, 1)
    assert "; the ticket state/runs/" in waited.stdout
    assert resumed.stdout.endswith("; nothing was sent, and results.jsonl is as before\n")
    assert ticket.is_file()
    assert results.read_text() == written


def test_wait_says_that_nothing_was_sent_where_it_deletes_the_ticket(
    bucket: str, server: EndpointServer, folder: Path, tickets: Path
) -> None:
    with started("submit", "scans", "--concurrency", "1", *target(bucket)) as process:

        def kill() -> bool:
            process.kill()
            process.wait()
            return False

        server.before_taking = at_request(1, kill)
        process.communicate(timeout=60)
    server.before_taking = None
    (ticket,) = tickets.glob("*.sqlite")
    with closing(sqlite3.connect(ticket)) as database, database:  # as if it was killed a moment earlier
        database.execute("UPDATE document SET state = 'WAITING', attempts = 0, upload = NULL")
    for path in folder.iterdir():
        path.unlink()

    waited = run("wait", "--json", "--no-wake")

    assert waited.exit_code == 1, waited.output
    assert waited.stderr.endswith("; nothing was sent\n")
    assert json.loads(waited.stdout)["ticket"] is None
    assert not ticket.exists()
