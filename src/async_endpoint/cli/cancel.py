"""`async-endpoint cancel`: jobs that must not run."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from async_endpoint.cli.aws_session import patient_session
from async_endpoint.cli.counter import counter_on
from async_endpoint.cli.workflow_options import (
    INTERRUPTED,
    confirm,
    dry_run_option,
    errors_as_sentences,
    read_workflow,
    workflow_options,
    yes_option,
)
from async_endpoint.client import AsyncEndpointError, JobsTableReader
from async_endpoint.client.bounded_map import bounded_map
from async_endpoint.counted import counted
from async_endpoint.operations.jobs.cancellation import Cancellation, Canceller, CancelOutcome
from async_endpoint.operations.jobs.workflow import ThreadedTable
from async_endpoint.protocol import JobRecordError, JobsTableBusy, JobsTableWriter, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from async_endpoint.protocol import Upload

_WORKERS = 8
_FAILURES = (AsyncEndpointError, JobRecordError, JobsTableBusy, BotoCoreError, ClientError)
_WORDS = {
    CancelOutcome.UNRECORDED: "cancelled before their event",
    CancelOutcome.WAITING: "cancelled before their request",
    CancelOutcome.CLAIMED: "marked while being submitted: their requests may still run",
    CancelOutcome.SUBMITTED: "marked after their request, which may still run",
    CancelOutcome.ALREADY: "cancelled already",
    CancelOutcome.OVER: "over already",
}


@click.command(short_help="Cancel jobs, or all documents under a prefix.")
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("--prefix", metavar="S3_PREFIX", help="All documents under this prefix of the inbox: s3://bucket/inbox/…")
@dry_run_option
@yes_option
@workflow_options
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each job.")
@click.pass_context
def cancel(
    context: click.Context,
    *,
    jobs: tuple[str, ...],
    prefix: str | None,
    dry_run: bool,
    yes: bool,
    stage: str | None,
    stack: str | None,
    as_json: bool,
) -> None:
    """Cancel each JOB, or the current versions of all documents under a prefix, after a confirmation.

    A JOB is an id, or s3://bucket/key of a document, which means the newest version. A job that was not submitted will
    not be, even if its event has not arrived yet. One that was is marked CANCELLED: SageMaker has no call to withdraw a
    request, so it may still run, and its result then stays at its output location. `retry` and `redrive --state
    CANCELLED` bring jobs back.

    \b
    async-endpoint cancel s3://BUCKET/inbox/receipt.jpg --stage dev
    async-endpoint cancel --prefix s3://BUCKET/inbox/run-1/ --dry-run --stage dev

    Exit status: 0 the jobs are cancelled, or (with --prefix) over already; 1 some are not; 2 wrong usage; 130 after
    Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if bool(jobs) == (prefix is not None):
        raise click.UsageError("Name the jobs, or a prefix of the inbox by --prefix.")
    workflow = read_workflow(stack, stage)
    with errors_as_sentences():
        canceller = Canceller(
            JobsTableWriter(ThreadedTable(workflow.jobs_table)),
            JobsTableReader.from_session(workflow.jobs_table),
            patient_session().client("s3"),
            inboxes=(workflow.inbox, workflow.urgent_inbox),
            retention_days=workflow.retention_days,
            clock=lambda: datetime.now(UTC),
            dry_run=dry_run,
        )
        if prefix is None:
            done = [_cancel_one(canceller, job, as_json=as_json, dry_run=dry_run) for job in jobs]
            context.exit(0 if all(done) else 1)
        uploads = list(canceller.uploads(prefix))
        if not uploads:
            click.echo(f"There is no document under {prefix}.", err=as_json)
            return
        if not (yes or dry_run):
            confirm(f"Cancel the jobs of {counted(len(uploads), 'document')} under {prefix}?", "Nothing was cancelled")
        context.exit(_cancel_all(canceller, uploads, as_json=as_json, dry_run=dry_run))


def _cancel_one(canceller: Canceller, job: str, *, as_json: bool, dry_run: bool) -> bool:
    """Cancels a job and prints what became of it; returns whether it is cancelled."""
    try:
        cancellation = canceller.cancel(job)
    except _FAILURES as error:
        _print_error(job, error, as_json=as_json)
        return False
    _print(cancellation, as_json=as_json, dry_run=dry_run)
    return cancellation.outcome is not CancelOutcome.OVER


def _cancel_all(canceller: Canceller, uploads: Sequence[Upload], *, as_json: bool, dry_run: bool) -> int:
    progress = counter_on(Console(stderr=True), "looked at" if dry_run else "cancelled")
    progress.start(len(uploads))
    counts: Counter[CancelOutcome] = Counter()
    failed, interrupted = 0, False
    try:
        for upload, found in bounded_map(_tried(canceller.cancel_upload), uploads, _WORKERS):
            if isinstance(found, Cancellation):
                counts[found.outcome] += 1
                if as_json:
                    _print(found, as_json=True, dry_run=dry_run)
                elif found.outcome in (CancelOutcome.CLAIMED, CancelOutcome.SUBMITTED):
                    progress.report(str(found))
            else:
                failed += 1
                progress.report(f"s3://{upload.bucket}/{upload.key}: {found}")
            progress.advance()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        progress.stop()
    words = [f"{counts[outcome]:,} {_WORDS[outcome]}" for outcome in CancelOutcome if counts[outcome]]
    words += [f"{failed:,} failed"] if failed else []
    would = "Nothing was changed. It would be: " if dry_run else ""
    rest = " Interrupted: run the same command again for the rest." if interrupted else ""
    click.echo(
        f"{would}{counted(counts.total() + failed, 'document')}: {', '.join(words) or 'none'}.{rest}", err=as_json
    )
    if interrupted:
        return INTERRUPTED
    return 1 if failed else 0


def _tried(
    cancel_upload: Callable[[Upload], Cancellation],
) -> Callable[[Upload], tuple[Upload, Cancellation | Exception]]:
    """Returns a function that returns the error of a call with its argument, instead of raising it."""

    def tried(upload: Upload) -> tuple[Upload, Cancellation | Exception]:
        try:
            return upload, cancel_upload(upload)
        except _FAILURES as error:
            return upload, error

    return tried


def _print(cancellation: Cancellation, *, as_json: bool, dry_run: bool) -> None:
    job = cancellation.job
    if as_json:
        facts = {
            "job_id": job.job_id,
            "outcome": cancellation.outcome.value,
            "state": job.state.value,
            "attempt": job.attempt,
            "output_location": job.output_location,
            "dry_run": dry_run,
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
    elif cancellation.outcome is CancelOutcome.OVER and job.state is not JobState.CANCELLED:
        click.echo(f"Error: {cancellation}", err=True)
    else:
        click.echo(f"{'It would be: ' if dry_run else ''}{cancellation}")


def _print_error(job: str, error: Exception, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"job": job, "outcome": "failed", "message": str(error)}, ensure_ascii=False))
    else:
        click.echo(f"Error: {error}", err=True)
