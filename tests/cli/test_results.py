"""What is known of a run is written at any time, and an old file is replaced by lines alone."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from contextlib import closing, nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.client import Ticket

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.endpoint_fixtures import EndpointServer

pytestmark = pytest.mark.usefixtures("local_services", "folder")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(b"bad" if number == 2 else b"x" * number)
    monkeypatch.chdir(tmp_path)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def submit(bucket: str, command: str = "submit", *more: str) -> Result:
    target = ["--endpoint", "receipts", "--input", f"s3://{bucket}/in", "--no-wake", "--concurrency", "1"]
    return run(command, "scans", *target, *more)


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_lines_are_those_of_a_run(bucket: str, server: EndpointServer, folder: Path, tickets: Path) -> None:
    assert submit(bucket).exit_code == 0

    result = run("results")

    assert result.exit_code == 0, result.output
    assert "fetched 3/3\n" in result.stderr
    assert result.stderr.endswith("3 documents: 2 completed, 1 failed\n")
    assert len(server.requests) == 3
    (ticket,) = tickets.glob("*.sqlite")
    assert submit(bucket, "run").exit_code == 1
    of_run = lines_of((folder.parent / "results.jsonl").read_text())
    fetched = lines_of(result.stdout)
    assert [list(line) for line in fetched] == [list(line) for line in of_run]
    same = ("state", "reason", "answer")
    assert {line["file"]: [line[key] for key in same] for line in fetched} == {
        f"scans/{line['file']}": [line[key] for key in same] for line in of_run
    }
    assert run("results", ticket.stem).stdout == result.stdout
    assert run("results", "--ticket", str(ticket)).stdout == result.stdout


def test_what_is_not_known_yet_is_queued_and_nothing_is_submitted(bucket: str, server: EndpointServer) -> None:
    server.writes_results = False

    def breaks_off(_: object) -> bool:
        server.rejections = [(HTTPStatus.FORBIDDEN, "ExpiredTokenException", "The token is expired")] * 9
        return True

    server.before_taking = breaks_off
    assert submit(bucket).exit_code == 1
    server.before_taking, server.rejections = None, []

    early = run("results")

    assert early.exit_code == 0, early.output
    (line,) = lines_of(early.stdout)
    assert (line["file"], line["state"], line["answer"]) == ("scans/0.png", "QUEUED", None)
    assert early.stderr.endswith("3 documents: 1 queued, 2 not sent\n")
    server.writes_results = True
    server.write_outcome(server.requests[0])
    later = run("results")
    assert [(line["state"], line["answer"]) for line in lines_of(later.stdout)] == [("COMPLETED", {"bytes": 0})]
    assert len(server.requests) == 1


def test_without_lines_an_old_file_stays(bucket: str, server: EndpointServer, folder: Path) -> None:
    def breaks_off(_: object) -> bool:
        server.rejections = [(HTTPStatus.FORBIDDEN, "ExpiredTokenException", "The token is expired")] * 9
        return False

    server.before_taking = breaks_off  # the first one is in doubt, and so the ticket stays
    assert submit(bucket).exit_code == 1
    server.before_taking, server.rejections = None, []
    old = folder.parent / "old.csv"
    old.write_text("old\n")

    result = run("results", "--output", "old.csv")

    assert result.exit_code == 1
    assert result.stderr == "3 documents: 1 in doubt, 2 not sent; no document has a line yet; old.csv is as before.\n"
    assert old.read_text() == "old\n"
    assert list(folder.parent.glob("*.partial")) == []
    assert run("results").stdout == ""


@pytest.mark.parametrize(("name", "form"), [("out.csv", None), ("out.txt", "csv")])
def test_csv_is_flat(bucket: str, folder: Path, name: str, form: str | None) -> None:
    assert submit(bucket).exit_code == 0
    (folder.parent / name).write_text("old\n")

    result = run("results", "--output", name, *(["--format", form] if form else []))

    assert result.exit_code == 0, result.output
    assert result.stdout == f"3 documents: 2 completed, 1 failed; see {name}\n"
    with (folder.parent / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["answer.bytes"], row["reason"]) for row in rows] == [
        ("scans/0.png", "0", ""),
        ("scans/1.png", "1", ""),
        ("scans/2.png", "", "The image cannot be read."),
    ]


def test_parquet_is_read_back(bucket: str, folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow: install the extra `parquet`")
    assert submit(bucket).exit_code == 0

    assert run("results", "--output", "out.parquet").exit_code == 0

    table = parquet.read_table(folder.parent / "out.parquet")
    assert table.column("answer.bytes").to_pylist() == [0, 1, None]
    assert table.column("state").to_pylist() == ["COMPLETED", "COMPLETED", "FAILED"]


def test_parquet_needs_a_file_and_pyarrow(bucket: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert submit(bucket).exit_code == 0
    for module in ("pyarrow", "async_endpoint.operations.results.parquet_table"):
        monkeypatch.setitem(sys.modules, module, None)

    no_file, no_pyarrow = run("results", "--format", "parquet"), run("results", "--output", "out.parquet")

    assert (no_file.exit_code, no_pyarrow.exit_code) == (2, 2)
    assert "Parquet is not for a terminal: name a file with --output." in no_file.stderr
    said = "Parquet needs pyarrow: install it with `pip install 'async-endpoint[parquet]'`"
    assert said in " ".join(no_pyarrow.stderr.split())
    assert not (folder.parent / "out.parquet").exists()


def test_if_results_cannot_be_fetched_what_the_ticket_has_is_written(
    bucket: str, server: EndpointServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.writes_results = False
    assert submit(bucket).exit_code == 0
    assert run("results").exit_code == 0  # fetches the failure
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    result = run("results", "--output", "out.jsonl")

    assert result.exit_code == 1
    assert result.stdout == "3 documents: 1 failed, 2 queued; see out.jsonl\n"
    assert "Error: Not all results could be fetched: Objects below" in result.stderr
    assert [line["state"] for line in lines_of((folder.parent / "out.jsonl").read_text())] == [
        "FAILED",
        "QUEUED",
        "QUEUED",
    ]


def test_a_finished_run_needs_no_aws(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert submit(bucket).exit_code == 0
    assert run("wait", "--no-wake").exit_code == 1
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    result = run("results")

    assert result.exit_code == 0, result.output
    assert len(lines_of(result.stdout)) == 3


def test_a_ticket_in_use_a_missing_folder_and_no_run_are_sentences(bucket: str, tickets: Path) -> None:
    none = run("results")
    assert submit(bucket).exit_code == 0
    (path,) = tickets.glob("*.sqlite")
    with closing(Ticket.open(path)):
        in_use = run("results")
    no_folder = run("results", "--output", "none/out.csv")
    both = run("results", path.stem, "--ticket", str(path))

    assert (none.exit_code, in_use.exit_code, no_folder.exit_code, both.exit_code) == (1, 2, 2, 2)
    assert "There is no run on this machine" in none.stderr
    assert "Another process uses the ticket" in in_use.stderr
    assert "none/out.csv cannot be written: No such file or directory." in no_folder.stderr
    assert "RUN and --ticket both name the run" in both.stderr


def test_a_submission_whose_lines_are_in_a_file_may_be_pruned(bucket: str, server: EndpointServer) -> None:
    server.writes_results = False
    assert submit(bucket).exit_code == 0
    assert run("results", "--output", "early.jsonl").exit_code == 0
    server.writes_results = True
    for request in server.requests:
        server.write_outcome(request)
    assert run("results", "--output", "out.csv").exit_code == 0
    assert run("results").exit_code == 0
    assert "0 tickets" in run("runs", "--prune", "0").stdout

    assert run("results", "--output", "out.jsonl").exit_code == 0

    assert "1 ticket of" in run("runs", "--prune", "0").stdout


@pytest.mark.parametrize("place", ["/dev/null", "pipe"])
def test_lines_that_no_file_keeps_leave_the_ticket(bucket: str, folder: Path, place: str) -> None:
    assert submit(bucket).exit_code == 0
    os.mkfifo(folder.parent / "pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.DEVNULL) if place == "pipe" else nullcontext():  # noqa: S607 - the shell's own
        assert run("results", "--output", place, "--format", "jsonl").exit_code == 0

    assert "0 tickets" in run("runs", "--prune", "0").stdout
    assert run("results", "--output", "out.jsonl").exit_code == 0
    assert "1 ticket of" in run("runs", "--prune", "0").stdout


def test_ctrl_c_leaves_the_old_file(bucket: str, folder: Path) -> None:
    assert submit(bucket).exit_code == 0
    old = folder.parent / "out.jsonl"
    old.write_text("old\n")
    program = (
        "import signal, os; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "import async_endpoint.cli.results as results;"
        "results._write_lines = lambda file, _: (file.write(b'half'), os.kill(os.getpid(), signal.SIGINT));"
        "from async_endpoint.cli import main; main()"
    )
    result = subprocess.run(  # our own command
        [sys.executable, "-c", program, "results", "--output", "out.jsonl"], capture_output=True, text=True, check=False
    )

    assert result.returncode == 128 + signal.SIGINT
    assert result.stderr.endswith("Interrupted.\n")
    assert old.read_text() == "old\n"
    assert list(folder.parent.glob("*.partial")) == []
    assert run("results", "--output", "out.jsonl").exit_code == 0
    assert len(lines_of(old.read_text())) == 3
