"""`async-endpoint why`: the cause when a stage does not wake, does not sleep, is slow, expensive, or fails."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, NoReturn

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cli.ages import AGE
from async_endpoint.cli.aws_advice import with_advice
from async_endpoint.cli.job_history import history_lines
from async_endpoint.cli.workflow_options import stack_of, workflow_options
from async_endpoint.client import AsyncEndpointError, JobNotFound, JobsTableReader
from async_endpoint.counted import counted
from async_endpoint.operations.diagnose.diagnosis import Diagnosis, diagnose, with_names
from async_endpoint.operations.diagnose.finding import Severity
from async_endpoint.operations.diagnose.gather import gather
from async_endpoint.operations.diagnose.job import explain
from async_endpoint.operations.diagnose.reads.clients import Clients
from async_endpoint.operations.diagnose.reads.stacks import NoStage, read_stacks, stack_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from async_endpoint.operations.diagnose.finding import Finding
    from async_endpoint.operations.diagnose.snapshot import Snapshot, Unread
    from async_endpoint.protocol import JobRecord

UNREADABLE = 3
"""The exit status when AWS, or the stage, cannot be read at all."""


@click.command(short_help="Name the cause when a stage does not wake, sleep, or work.")
@click.argument("job", metavar="[JOB]", required=False)
@workflow_options
@click.option(
    "--since", type=AGE, metavar="AGE", default="1h", show_default=True, help="How far back failures and logs count."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def why(job: str | None, *, stack: str | None, stage: str | None, since: timedelta, as_json: bool) -> None:
    """Name the cause when a stage does not wake, does not sleep, is slow, expensive, or fails.

    Reads AWS's APIs and changes nothing. Prints the most likely cause first, each with what shows it and the command
    that mends it. With JOB, a job's id or s3://bucket/key of its document, explains that job.

    \b
    async-endpoint why --stage dev
    async-endpoint why s3://INPUT_BUCKET/inbox/invoice.pdf --stage dev

    Exit status: 0 nothing is wrong, 1 something is, 2 wrong usage, 3 AWS or the stage could not be read.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    name = stack_of(stack, stage)
    if name is None:
        raise click.UsageError("Name the stage by --stage, or one of its stacks by --stack.")
    label = f"--stage {stage}" if stage else f"--stack {stack}"
    session, diagnosis = _diagnose(name, label, since)
    record = _record(job, diagnosis, session) if job else None
    findings = [with_names(explain(record, diagnosis), diagnosis.snapshot)] if record else list(diagnosis.findings)
    if as_json:
        click.echo(_as_json(findings, diagnosis, record))
    else:
        click.echo("\n".join(_as_lines(findings, diagnosis, record)))
    if any(finding.severity is Severity.FAULT for finding in findings):
        sys.exit(1)


def _diagnose(name: str, label: str, since: timedelta) -> tuple[boto3.Session, Diagnosis]:
    """Reads the stage and applies the rules; ends the command if nothing can be read."""
    try:
        session = boto3.Session()
        clients = Clients.from_session(session)
        names, now = read_stacks(clients, stack_names(name), label)
    except NoStage as error:
        _end(str(error))
    except BotoCoreError as error:
        _end(f"AWS cannot be read: {_one_line(error)}", error)
    except ClientError as error:
        _end(f"The stage's stacks cannot be read, and without them nothing else: {_one_line(error)}", error)
    return session, diagnose(gather(clients, names, now=now, since=since))


def _record(job: str, diagnosis: Diagnosis, session: boto3.Session) -> JobRecord:
    """Returns the record of a job; ends the command if it does not exist."""
    table = diagnosis.snapshot.names.outputs.get("JobsTableName")
    if table is None:
        _end("The stage has no jobs table: it has no workflow stack.")
    try:
        return JobsTableReader.from_session(table, session).get(job)
    except JobNotFound as error:
        _end(f"{error} Without a record no event of it was seen: see `async-endpoint why` without a job.")
    except AsyncEndpointError as error:
        _end(str(error), error)


def _end(message: str, error: Exception | None = None) -> NoReturn:
    click.echo(f"Error: {with_advice(message, error)}", err=True)
    sys.exit(UNREADABLE)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _as_json(findings: list[Finding], diagnosis: Diagnosis, record: JobRecord | None) -> str:
    snapshot = diagnosis.snapshot
    document = {
        "endpoint": snapshot.names.endpoint,
        "read_at": snapshot.now.isoformat(),
        "wrong": any(finding.severity is Severity.FAULT for finding in findings),
        "findings": [finding.to_json() for finding in findings],
        "not_read": [vars(each) for each in snapshot.unread],
        "job": record.to_item() if record else None,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _as_lines(findings: list[Finding], diagnosis: Diagnosis, record: JobRecord | None) -> Iterator[str]:
    snapshot = diagnosis.snapshot
    if record:
        yield from history_lines(record, as_json=False)
        yield ""
    faults = [finding for finding in findings if finding.severity is Severity.FAULT]
    if not faults and not record:
        nothing = "Nothing is wrong in what could be read." if snapshot.unread else "Nothing is wrong."
        yield f"{click.style(nothing, fg='yellow' if snapshot.unread else 'green')} Looked at {_looked_at(snapshot)}."
    for number, finding in enumerate(findings, start=1):
        colour = "red" if finding.severity is Severity.FAULT else "green"
        kind = f"{number}." if finding.severity is Severity.FAULT else "Normal:"
        yield f"{click.style(kind, fg=colour)} {finding.text}"
        yield from (f"   {line}" for line in finding.evidence)
        if finding.fix:
            yield f"   → {finding.fix}"
        if finding.runbook:
            yield f"   See docs/operations.md#{finding.runbook}"
    yield from _not_read(snapshot.unread)


def _not_read(unread: Iterable[Unread]) -> Iterator[str]:
    for each in unread:
        part = each.part.replace("_", " ")
        yield f"Not read: {part} ({each.action}), so what follows from it is unknown. {each.why}"


def _looked_at(snapshot: Snapshot) -> str:
    endpoint = snapshot.endpoint
    state = f"{endpoint.status}, {counted(endpoint.running, 'instance')}" if endpoint else "not read"
    return (
        f"endpoint {snapshot.names.endpoint} ({state}), its configuration, model and log, scaling with "
        f"{counted(len(snapshot.policies), 'policy', 'policies')}, {counted(len(snapshot.alarms), 'alarm')}, "
        f"{counted(len(snapshot.subscriptions), 'topic')}, {counted(len(snapshot.queues), 'queue')}, "
        f"{counted(len(snapshot.functions), 'function')}, {counted(len(snapshot.rules), 'rule')}, "
        f"{counted(len(snapshot.buckets), 'bucket')} and the jobs table ({snapshot.jobs.submitted} submitted, "
        f"{snapshot.jobs.received} received)"
    )
