"""`async-endpoint status` and `async-endpoint jobs`."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

import boto3
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from async_endpoint.cli import main
from async_endpoint.protocol import (
    JobRecord,
    JobsTableWriter,
    JobState,
    Upload,
    record_rejected,
    record_submitted,
    record_waiting,
    utc_timestamp,
)
from tests.support.jobs_table import NEVER, NOON, failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.service_resource import Table

pytestmark = pytest.mark.usefixtures("local_services")


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_on_a_terminal_a_document_is_its_key(
    jobs_table: Table, put: Callable[[str], Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = put("inbox/many/invoice-17.png")
    JobsTableWriter(jobs_table).merge(failed(upload.job_id, NOON, "no image"))
    terminal = Console(force_terminal=True, width=100, no_color=True)
    monkeypatch.setattr(import_module("async_endpoint.cli.status"), "_console", lambda: terminal)

    with terminal.capture() as shown:
        assert command("jobs", "--table", jobs_table.name).exit_code == 0

    assert "inbox/many/invoice-17.png" in shown.get()
    assert upload.bucket not in shown.get()


def test_status_shows_the_known_facts_and_nothing_else(jobs_table: Table, put: Callable[[str], Upload]) -> None:
    upload = put("inbox/a.png")
    JobsTableWriter(jobs_table).merge(
        record_submitted(
            upload,
            at=NOON + timedelta(seconds=1),
            content_type="image/png",
            output_location="s3://out/results/1.out",
            failure_location="s3://out/failures/1-error.out",
            expires_at=NEVER,
        )
    )
    waiting = command("status", upload.job_id, "--table", jobs_table.name)
    JobsTableWriter(jobs_table).merge(failed(upload.job_id, NOON + timedelta(seconds=9), "[red]no[/red]\n\x1b[2Jimage"))
    over = command("status", f"s3://{upload.bucket}/inbox/a.png", "--table", jobs_table.name)

    assert (waiting.exit_code, over.exit_code) == (0, 0)
    assert rows(waiting) == {
        "job": upload.job_id,
        "state": "SUBMITTED",
        "document": f"s3://{upload.bucket}/inbox/a.png",
        "version": upload.version,
        "received": utc_timestamp(NOON),
        "submitted": "2026-01-31T12:00:01.000Z",
        "note": "The bucket has no versioning: the key may contain another document by now, which is another job.",
    }
    assert rows(over)["state"] == "FAILED"
    assert rows(over)["reason"] == "[red]no[/red]  [2Jimage"
    assert rows(over)["error"] == "s3://out/failures/1-error.out"
    assert rows(over)["ended"] == "2026-01-31T12:00:09.000Z"


def test_status_says_that_a_job_waits_for_admission(jobs_table: Table) -> None:
    upload = Upload(bucket="inputs", key="inbox/a.png", version="v1", region="x", received_at=NOON)
    job = JobsTableWriter(jobs_table).merge(record_waiting(upload, expires_at=NEVER))

    assert rows(command("status", job.job_id, "--table", jobs_table.name))["waits"] == "for admission"
    assert "RECEIVED, waits for admission" in command("jobs", "--table", jobs_table.name).stdout
    assert "waits: for admission" in command("status", job.job_id, "--history", "--table", jobs_table.name).stdout


def rows(result: Result) -> dict[str, str]:
    """What each line of `status` begins with, and the rest of it."""
    return {
        name: value.strip() for name, _, value in (line.strip().partition(" ") for line in result.stdout.splitlines())
    }


def test_status_in_json_is_the_record(jobs_table: Table, put: Callable[[str], Upload]) -> None:
    upload = put("inbox/店.png")
    JobsTableWriter(jobs_table).merge(record_rejected(upload, "The document is empty.", at=NOON, expires_at=NEVER))

    result = command("status", upload.job_id, "--table", jobs_table.name, "--json")

    assert result.exit_code == 0
    record = JobRecord.from_item(json.loads(result.stdout))
    assert record == JobsTableWriter(jobs_table).get(upload.job_id)
    assert "店" in result.stdout


def test_a_missing_job_is_a_sentence_and_exit_code_1(jobs_table: Table) -> None:
    result = command("status", "abc", "--table", jobs_table.name)

    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: There is no job 'abc' in the table {jobs_table.name}: it never existed, or its record has expired.\n"
    )


def test_jobs_lists_a_state_readably_and_as_lines_of_json(jobs_table: Table) -> None:
    for number in range(3):
        JobsTableWriter(jobs_table).merge(
            failed(f"job-{number}", NOON + timedelta(seconds=number), reason=f"[red]{number}[/red]")
        )

    listed = command("jobs", "--state", "failed", "--table", jobs_table.name)
    lines = command("jobs", "--table", jobs_table.name, "--limit", "2", "--json")

    assert listed.exit_code == lines.exit_code == 0
    assert [line.split() for line in listed.stdout.splitlines()[1:]] == [
        [f"2026-01-31T12:00:0{number}.000Z", "FAILED", f"job-{number}", f"[red]{number}[/red]"] for number in (2, 1, 0)
    ]
    assert [json.loads(line)["job_id"] for line in lines.stdout.splitlines()] == ["job-2", "job-1"]


def test_no_jobs_are_no_error(jobs_table: Table) -> None:
    assert command("jobs", "--state", "EXPIRED", "--table", jobs_table.name).stdout == "No job is EXPIRED.\n"
    assert command("jobs", "--table", jobs_table.name).stdout == "There are no jobs.\n"
    assert command("jobs", "--table", jobs_table.name, "--json").stdout == ""


def test_a_stack_names_the_table(jobs_table: Table) -> None:
    JobsTableWriter(jobs_table).merge(failed("job-1", NOON))
    cloudformation, name = boto3.client("cloudformation"), f"test-{uuid.uuid4().hex[:8]}"
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"JobsTableName": {"Value": jobs_table.name}},
    }
    for stack, content in ((name, template), (f"{name}-without", {"Resources": template["Resources"]})):
        cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(content))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    cloudformation.close()

    found = command("jobs", "--stack", name, "--json")
    without = command("jobs", "--stack", f"{name}-without")
    missing = command("status", "job-1", "--stack", f"{name}-missing")
    neither = command("status", "job-1")

    assert json.loads(found.stdout)["job_id"] == "job-1"
    assert (without.exit_code, missing.exit_code, neither.exit_code) == (2, 1, 2)
    assert "has no output JobsTableName" in without.stderr
    assert f"The outputs of stack {name}-missing cannot be read" in missing.stderr
    assert "Name the jobs table by --table" in neither.stderr
    staged = command("jobs", "--stage", name)
    assert staged.exit_code == 1
    assert f"The outputs of stack async-endpoint-{name}-workflow cannot be read" in staged.stderr


def test_a_cancelled_attempt_shows_its_number_its_cause_and_where_a_late_result_would_be(jobs_table: Table) -> None:
    JobsTableWriter(jobs_table).merge(failed("job-1", NOON))
    JobsTableWriter(jobs_table).merge(
        JobRecord(
            job_id="job-1",
            state=JobState.CANCELLED,
            attempt=2,
            requested_at=utc_timestamp(NOON + timedelta(hours=1)),
            cause="By hand.",
            output_location="s3://out/2.out",
            ended_at=utc_timestamp(NOON + timedelta(hours=2)),
        )
    )

    shown = rows(command("status", "job-1", "--table", jobs_table.name))
    listed = command("jobs", "--state", "cancelled", "--table", jobs_table.name)

    assert (shown["state"], shown["attempt"], shown["cause"]) == ("CANCELLED", "2", "By hand.")
    assert shown["if"] == "it runs s3://out/2.out"
    assert "CANCELLED (attempt 2)" in listed.stdout


def test_the_history_is_in_the_order_of_time_readably_and_as_lines_of_json(jobs_table: Table) -> None:
    JobsTableWriter(jobs_table).merge(failed("job-1", NOON, "no\x1b[2Jimage"))

    history = command("status", "job-1", "--history", "--table", jobs_table.name)
    lines = command("status", "job-1", "--history", "--json", "--table", jobs_table.name)

    assert history.stdout.splitlines() == [
        "2026-01-31T12:00:00.000Z  attempt 1 submitted: InferenceId job-1",
        "2026-01-31T12:00:00.000Z  attempt 1 failed: no [2Jimage → s3://out/failures/1-error.out",
    ]
    assert [json.loads(line)["what"] for line in lines.stdout.splitlines()] == ["submitted", "failed"]
