"""A run that is killed, stopped or locked out is continued: every document has one result, and none is sent twice.

A sample by default; with ASYNC_ENDPOINT_SWEEP=full 1,000 documents.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.client import Ticket

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.protocol import InvocationRequest
    from tests.support.endpoint_fixtures import EndpointServer

pytestmark = pytest.mark.usefixtures("local_services")

DOCUMENTS = 1_000 if os.environ.get("ASYNC_ENDPOINT_SWEEP") == "full" else 60
COMMAND = [sys.executable, "-c", "from async_endpoint.cli import main; main()"]
EXPIRED = (HTTPStatus.FORBIDDEN, "ExpiredTokenException", "The security token included in the request is expired")
GONE = (HTTPStatus.BAD_REQUEST, "ValidationError", "Endpoint receipts of account 1 not found.")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "receipts"
    folder.mkdir()
    for number in range(DOCUMENTS):
        (folder / f"{number:04}.png").write_bytes(b"x" * (number + 1))
    monkeypatch.chdir(tmp_path)
    return folder


def arguments(folder: Path, bucket: str, *more: str) -> list[str]:
    given = ["run", str(folder), "--endpoint", "receipts", "--input", f"s3://{bucket}/in", "--no-wake", *more]
    return [*given, "--concurrency", "8"]


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def sent(server: EndpointServer) -> Counter[str]:
    """How often each document was taken, by its name."""
    return Counter(str(request.input_location).rpartition("/")[2] for request in server.requests)


def check_results(folder: Path) -> None:
    """Every document has the line of its own result, once."""
    lines = lines_of(folder.parent / "results.jsonl")
    assert {line["file"]: (line["answer"] or {}).get("bytes") for line in lines} == {
        f"{number:04}.png": number + 1 for number in range(DOCUMENTS)
    }
    assert len(lines) == DOCUMENTS


class Killer:
    """Kills the run in the middle of a call, before or after the endpoint takes the request."""

    def __init__(self, at: int, *, takes: bool) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._left, self._takes = at, takes

    def __call__(self, _: InvocationRequest) -> bool:
        self._left -= 1
        if self._left > 0 or self.process is None:
            return True
        self.process.kill()
        self.process.wait()
        self.process = None
        return self._takes


@pytest.mark.parametrize(("share", "takes"), [(0.3, True), (0.6, False), (0.95, True)])
def test_after_kill_9_every_document_is_processed_once(
    folder: Path, bucket: str, server: EndpointServer, *, share: float, takes: bool
) -> None:
    killer = Killer(int(DOCUMENTS * share), takes=takes)
    with subprocess.Popen([*COMMAND, *arguments(folder, bucket)], stderr=subprocess.DEVNULL) as killed:
        killer.process, server.before_taking = killed, killer
        killed.wait(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    server.before_taking = None
    first = len(server.requests)
    assert 0 < first <= DOCUMENTS

    result = CliRunner().invoke(main, ["resume", "--doubt-seconds", "1", "--no-wake"])

    assert result.exit_code == 0, result.output
    assert f"{DOCUMENTS:,} documents: {DOCUMENTS:,} completed" in result.stdout
    check_results(folder)
    assert set(sent(server).values()) == {1}
    assert takes or "most likely never taken" in result.stderr
    assert CliRunner().invoke(main, ["resume"]).exit_code == 1  # there is nothing left


@pytest.mark.parametrize("rejection", [EXPIRED, GONE], ids=["expired credentials", "deleted endpoint"])
def test_what_is_wrong_for_all_is_said_once_and_the_run_goes_on_later(
    folder: Path, bucket: str, server: EndpointServer, rejection: tuple[int, str, str]
) -> None:
    def begins(_: InvocationRequest) -> bool:
        if len(server.requests) == DOCUMENTS // 2:
            server.rejections = [rejection] * 10_000
        return True

    server.before_taking = begins
    broken = CliRunner().invoke(main, arguments(folder, bucket))
    assert broken.exit_code == 1
    assert broken.stderr.count(rejection[2]) == 1
    assert "continue by `async-endpoint resume 2" in broken.stderr
    half = lines_of(folder.parent / "results.jsonl")
    assert half
    assert all(line["output_location"] for line in half)

    server.rejections, server.before_taking = [], None
    result = CliRunner().invoke(main, ["resume", "--no-wake"])

    assert result.exit_code == 0, result.output
    check_results(folder)
    assert set(sent(server).values()) == {1}


def test_a_run_that_sends_nothing_leaves_the_old_results_and_no_ticket(
    folder: Path, bucket: str, server: EndpointServer, tickets: Path
) -> None:
    old = folder.parent / "results.jsonl"
    old.write_text("old\n")
    server.rejections = [GONE] * 10_000

    result = CliRunner().invoke(main, arguments(folder, bucket))

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].endswith("Nothing was sent.")
    assert old.read_text() == "old\n"
    assert list(folder.parent.glob("*.partial")) == []
    assert list(tickets.iterdir()) == []


def test_a_run_whose_documents_are_all_rejected_does_not_pass_old_results_off_as_its_own(
    folder: Path, bucket: str, tickets: Path
) -> None:
    old = folder.parent / "results.jsonl"
    old.write_text("old\n")

    result = CliRunner().invoke(main, arguments(folder, bucket, "--content-type", "not ascii: é"))

    assert result.exit_code == 1
    assert "nothing was sent, and of an earlier run is still results.jsonl" in result.stdout
    assert old.read_text() == "old\n"
    assert list(tickets.iterdir()) == []


def test_a_run_that_was_killed_before_its_results_were_in_place_is_not_finished(
    folder: Path, bucket: str, tickets: Path
) -> None:
    assert CliRunner().invoke(main, arguments(folder, bucket, "--limit", "1")).exit_code == 0
    (ticket,) = tickets.glob("*.sqlite")
    with closing(sqlite3.connect(ticket)) as database, database:
        database.execute("UPDATE run SET published = 0")
    results = folder.parent / "results.jsonl"
    results.unlink()

    assert "0 tickets" in CliRunner().invoke(main, ["runs", "--prune", "0"]).stdout
    assert CliRunner().invoke(main, ["resume"]).exit_code == 0
    assert len(results.read_text().splitlines()) == 1
    assert "Every run of this machine is finished" in CliRunner().invoke(main, ["resume"]).output


@pytest.mark.parametrize("command", [["wait", "--no-wake"], ["results"], ["runs"]])
def test_a_run_whose_file_lacks_lines_says_what_writes_them(
    folder: Path, bucket: str, tickets: Path, command: list[str]
) -> None:
    assert CliRunner().invoke(main, arguments(folder, bucket, "--limit", "1")).exit_code == 0
    (ticket,) = tickets.glob("*.sqlite")
    advice = f"`async-endpoint resume {ticket.stem}`"
    assert advice not in CliRunner().invoke(main, command).output
    with closing(sqlite3.connect(ticket)) as database, database:
        database.execute("UPDATE run SET published = 0")

    result = CliRunner().invoke(main, command)

    assert result.exit_code == 0
    assert advice in result.output
    assert CliRunner().invoke(main, ["resume", ticket.stem]).exit_code == 0
    assert advice not in CliRunner().invoke(main, command).output


def test_a_ticket_in_use_is_not_pruned(folder: Path, bucket: str, tickets: Path) -> None:
    assert CliRunner().invoke(main, arguments(folder, bucket, "--limit", "1")).exit_code == 0
    (path,) = tickets.glob("*.sqlite")

    with closing(Ticket.open(path)):
        assert "0 tickets" in CliRunner().invoke(main, ["runs", "--prune", "0"]).stdout
    assert "1 ticket of" in CliRunner().invoke(main, ["runs", "--prune", "0"]).stdout


def test_a_ticket_and_an_output_are_used_by_one_process_at_a_time(
    folder: Path, bucket: str, server: EndpointServer, tickets: Path
) -> None:
    server.writes_results = False
    with subprocess.Popen(
        [*COMMAND, *arguments(folder, bucket)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as first:
        assert first.stderr is not None
        while f"submitted {DOCUMENTS}/{DOCUMENTS}" not in first.stderr.readline():
            assert first.poll() is None
        (ticket,) = tickets.glob("*.sqlite")
        resumed = CliRunner().invoke(main, ["resume", ticket.stem])
        second = CliRunner().invoke(main, arguments(folder, bucket))
        listed = CliRunner().invoke(main, ["runs", "--json"])
        first.kill()
    assert (resumed.exit_code, second.exit_code) == (2, 2)
    assert "Another process uses the ticket" in resumed.stderr
    assert "Another run is writing" in second.stderr
    assert len(server.requests) == DOCUMENTS
    assert json.loads(listed.stdout)["documents"]["QUEUED"] == DOCUMENTS


def test_a_full_disk_ends_the_run_with_a_sentence_and_the_ticket_continues_it(
    folder: Path, bucket: str, server: EndpointServer
) -> None:
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    most = 200_000 * DOCUMENTS // 60  # more than the ticket has before the first submission, less than at the end
    limit += f" resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}));"
    command = [sys.executable, "-c", f"{limit} from async_endpoint.cli import main; main()"]
    broken = subprocess.run(  # our own command
        [*command, *arguments(folder, bucket)], capture_output=True, text=True, timeout=120, check=False
    )
    assert broken.returncode == 1
    assert "Traceback" not in broken.stderr
    assert "ticket" in broken.stderr.splitlines()[-1]

    result = CliRunner().invoke(main, ["resume", "--doubt-seconds", "1", "--no-wake"])

    assert result.exit_code == 0, result.output
    check_results(folder)
    assert set(sent(server).values()) == {1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"not a database, but long enough to be looked at as one" * 20, "is damaged, is not the ticket"),
        (b"", "is not the ticket of a run"),
        (None, "There is no ticket"),
    ],
)
def test_a_damaged_or_foreign_ticket_is_a_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    ticket = tmp_path / "ticket"
    if content is not None:
        ticket.write_bytes(content)

    result = CliRunner().invoke(main, ["resume", "--ticket", str(ticket)])

    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert sentence in " ".join(result.output.split())


def test_finished_tickets_are_listed_and_pruned(folder: Path, bucket: str, tickets: Path) -> None:
    assert CliRunner().invoke(main, arguments(folder, bucket, "--limit", "1")).exit_code == 0

    assert "1 completed" in CliRunner().invoke(main, ["runs"]).stdout
    assert "0 tickets" in CliRunner().invoke(main, ["runs", "--prune", "1"]).stdout
    assert "1 ticket of" in CliRunner().invoke(main, ["runs", "--prune", "0"]).stdout
    assert list(tickets.iterdir()) == []
