"""`async-endpoint retry`: another attempt for single jobs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cli.aws_session import patient_session
from async_endpoint.cli.workflow_options import errors_as_sentences, read_workflow, workflow_options
from async_endpoint.client import AsyncEndpointError, JobsTableReader
from async_endpoint.operations.jobs.attempts import AttemptNotSent, AttemptRequester, JobChanged, intake_sender
from async_endpoint.operations.jobs.workflow import ThreadedTable
from async_endpoint.protocol import JobRecordError, JobsTableBusy, JobsTableWriter

_CAUSE = "It was requested by `async-endpoint retry`."
_FAILURES = (
    AsyncEndpointError, AttemptNotSent, JobChanged, JobRecordError, JobsTableBusy, BotoCoreError, ClientError,
)  # fmt: skip


@click.command(short_help="Submit failed, expired or cancelled jobs again.")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@workflow_options
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each job.")
@click.pass_context
def retry(
    context: click.Context, *, jobs: tuple[str, ...], stage: str | None, stack: str | None, as_json: bool
) -> None:
    """Submit the document of each JOB again, as the job's next attempt.

    A JOB is an id, or s3://bucket/key of a document, which means the newest version. It must be FAILED, EXPIRED or
    CANCELLED. For an attempt that was requested already and still waits, only its message is sent again: repeat the
    command if it was interrupted. Each attempt is submitted once.

    \b
    async-endpoint retry s3://BUCKET/inbox/receipt.jpg --stage dev
    async-endpoint retry $(async-endpoint jobs --state EXPIRED --json --stage dev | jq -r .job_id) --stage dev

    Exit status: 0 each job has another attempt, 1 some have not, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    workflow = read_workflow(stack, stage)
    with errors_as_sentences():
        records = JobsTableReader.from_session(workflow.jobs_table)
        sender = intake_sender(patient_session().client("sqs"), workflow.intake.url)
    table = JobsTableWriter(ThreadedTable(workflow.jobs_table))
    requester = AttemptRequester(table, sender, lambda: datetime.now(UTC), retention_days=workflow.retention_days)
    failed = 0
    for job in jobs:
        try:
            requested = requester.request(records.get(job).job_id, _CAUSE)
        except _FAILURES as error:
            failed += 1
            _print(as_json, str(error), job=job, outcome="failed", error=True)
            continue
        outcome = "repeated" if requested.repeated else "requested"
        found = requested.job
        _print(as_json, str(requested), job=job, outcome=outcome, job_id=found.job_id, attempt=found.attempt)
    context.exit(1 if failed else 0)


def _print(as_json: bool, text: str, *, error: bool = False, **facts: str | int) -> None:  # noqa: FBT001 - as click's
    if as_json:
        click.echo(json.dumps({**facts, "message": text}, ensure_ascii=False))
    else:
        click.echo(f"Error: {text}" if error else text, err=error)
