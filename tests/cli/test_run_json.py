"""`run` and `resume` print one line of JSON, and all else to standard error."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.endpoint_fixtures import EndpointServer

pytestmark = pytest.mark.usefixtures("local_services", "folder")

NONE = dict.fromkeys(("completed", "failed", "expired", "cancelled", "queued", "in_doubt", "not_sent"), 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(b"bad" if number == 2 else b"x")
    monkeypatch.chdir(tmp_path)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--json", "--no-wake"])


def target(bucket: str) -> list[str]:
    return ["run", "scans", "--endpoint", "receipts", "--input", f"s3://{bucket}/in", "--concurrency", "1"]


def only_line(result: Result) -> dict[str, Any]:
    """Returns the line, which must be strict JSON and all of standard output."""

    def reject(constant: str) -> NoReturn:
        raise AssertionError(constant)

    assert result.stdout.count("\n") == 1
    assert result.stdout.endswith("}\n")
    line: dict[str, Any] = json.loads(result.stdout, parse_constant=reject)
    assert line.pop("seconds") >= 0
    return line


def test_run_says_in_its_line_what_became_of_the_documents_and_where_the_results_are(
    bucket: str, folder: Path, tickets: Path
) -> None:
    (folder / "notes.txt").write_bytes(b"x")

    result = run(*target(bucket))

    assert result.exit_code == 1
    (ticket,) = tickets.glob("*.sqlite")
    assert only_line(result) == NONE | {
        "run": ticket.stem,
        "documents": 3,
        "completed": 2,
        "failed": 1,
        "output": str(folder.parent / "results.jsonl"),
        "ticket": str(ticket),
        "error": None,
    }
    for said in ("1 entry left out", "2.png failed: ", "3 documents: 2 completed, 1 failed", "; see results.jsonl"):
        assert said in result.stderr


def test_a_run_that_is_broken_off_and_its_resume_have_a_line_each(
    bucket: str, folder: Path, server: EndpointServer
) -> None:
    expired = (HTTPStatus.FORBIDDEN, "ExpiredTokenException", "The security token included in the request is expired")

    def begins(_: object) -> bool:
        server.rejections = [expired] * 10
        return True

    server.before_taking = begins
    broken = run(*target(bucket))
    server.before_taking, server.rejections = None, []

    assert broken.exit_code == 1
    line = only_line(broken)
    assert "The security token included in the request is expired" in line["error"]
    assert (line["documents"], line["not_sent"], line["completed"] + line["queued"], line["output"]) == (3, 2, 1, None)
    assert f"continue by `async-endpoint resume {line['run']}`." in broken.stderr

    resumed = run("resume")

    assert resumed.exit_code == 1, resumed.output
    results = str(folder.parent / "results.jsonl")
    assert only_line(resumed) == line | NONE | {"completed": 2, "failed": 1, "error": None, "output": results}


def test_a_run_that_sends_nothing_has_a_line_without_a_ticket_or_an_output(bucket: str, server: EndpointServer) -> None:
    server.rejections = [(HTTPStatus.BAD_REQUEST, "ValidationError", "Endpoint receipts of account 1 not found.")] * 9

    result = run(*target(bucket))

    assert result.exit_code == 1
    line = only_line(result)
    assert (line["ticket"], line["output"], line["not_sent"]) == (None, None, 3)
    assert line["error"].startswith("There is no endpoint receipts here")
    assert result.stderr.splitlines()[-1].endswith("Nothing was sent.")


def test_wrong_usage_has_no_line(bucket: str) -> None:
    result = run("run", "none", "--endpoint", "receipts", "--input", f"s3://{bucket}/in")

    assert (result.exit_code, result.stdout) == (2, "")
