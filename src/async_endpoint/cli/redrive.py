"""`async-endpoint redrive`: another attempt for all jobs with the same trouble."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console

from async_endpoint.cli.ages import AGE
from async_endpoint.cli.aws_session import patient_session
from async_endpoint.cli.counter import counter_on
from async_endpoint.cli.one_line import one_line
from async_endpoint.cli.workflow_options import (
    INTERRUPTED,
    confirm,
    dry_run_option,
    errors_as_sentences,
    read_workflow,
    workflow_options,
    yes_option,
)
from async_endpoint.client import JobsTableReader
from async_endpoint.counted import counted
from async_endpoint.operations.jobs.attempts import AttemptRequester, intake_sender
from async_endpoint.operations.jobs.redrive import (
    REPEAT_AFTER_SECONDS,
    Criteria,
    Redrive,
    Redriven,
    RedriveOutcome,
    Selection,
    select_jobs,
)
from async_endpoint.operations.jobs.workflow import ThreadedTable
from async_endpoint.protocol import JobsTableWriter, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from async_endpoint.operations.jobs.workflow import Workflow

_STATES = [state for state in JobState if state.is_final and state is not JobState.COMPLETED]
_REASONS = 5


@click.command(short_help="Submit all jobs with the same trouble again.")
@click.option(
    "--state",
    type=click.Choice([*_STATES], case_sensitive=False),
    required=True,
    metavar="STATE",
    help=f"The jobs in this state: {', '.join(_STATES)}.",
)
@click.option("--reason", metavar="TEXT", help="Only jobs whose reason contains this.  [default: any]")
@click.option("--since", type=AGE, metavar="AGE", help="Only jobs that ended within 1d, 6h, 30m.  [default: any]")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many, the newest.  [default: all]")
@dry_run_option
@yes_option
@workflow_options
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each job.")
@click.pass_context
def redrive(
    context: click.Context,
    *,
    state: JobState,
    reason: str | None,
    since: timedelta | None,
    limit: int | None,
    dry_run: bool,
    yes: bool,
    stage: str | None,
    stack: str | None,
    as_json: bool,
) -> None:
    """Submit all jobs in a state again, each once, as its next attempt.

    Lists the reasons first, and asks for confirmation. A job that another command or an outcome changes meanwhile is
    left alone. After an interruption, run the same command again: it continues with the rest, and repeats the messages
    of attempts that have waited for a minute, in case the interruption lost one. Each attempt is submitted once.

    \b
    async-endpoint redrive --state EXPIRED --since 6h --stage dev
    async-endpoint redrive --state FAILED --reason 'server error (500)' --limit 10 --dry-run --stage dev

    Exit status: 0 all are requested, or there are none; 1 some are not; 2 wrong usage; 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    workflow = read_workflow(stack, stage)
    now = datetime.now(UTC)
    criteria = Criteria(state=JobState(state), reason=reason, since=now - since if since else None, limit=limit)
    with errors_as_sentences():
        selection = select_jobs(JobsTableReader.from_session(workflow.jobs_table), criteria, now=now)
        click.echo("\n".join(_plan(selection, criteria)), err=as_json)
        if not selection.jobs:
            return
        if dry_run:
            for job in selection.jobs:
                click.echo(json.dumps({"job_id": job.job_id, "dry_run": True}) if as_json else f"  {job.job_id}")
            return
        if not yes:
            confirm(f"Submit {len(selection.jobs):,} again?", "Nothing was submitted")
        context.exit(_run(workflow, selection, as_json=as_json))


def _run(workflow: Workflow, selection: Selection, *, as_json: bool) -> int:
    sender = intake_sender(patient_session().client("sqs"), workflow.intake.url)
    table = JobsTableWriter(ThreadedTable(workflow.jobs_table))
    requester = AttemptRequester(table, sender, lambda: datetime.now(UTC), retention_days=workflow.retention_days)
    work = Redrive(requester, "It was requested by `async-endpoint redrive`.")
    progress = counter_on(Console(stderr=True), "requested")
    progress.start(len(selection.jobs))

    def on_done(redriven: Redriven) -> None:
        if as_json:
            line = {"job_id": redriven.job_id, "outcome": redriven.outcome.value, "message": redriven.text}
            click.echo(json.dumps(line, ensure_ascii=False))
        if redriven.outcome is RedriveOutcome.FAILED:
            progress.report(redriven.text)
        progress.advance()

    interrupted = False
    try:
        work.run(selection, on_done)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        progress.stop()
    counts = ", ".join(f"{work.count(outcome):,} {_WORDS[outcome]}" for outcome in RedriveOutcome)
    rest = len(selection.jobs) - len(work.done)
    stopped = f" Interrupted: {rest:,} are left; run the same command again." if interrupted else ""
    click.echo(f"{counted(len(work.done), 'job')}: {counts}.{stopped}", err=as_json)
    if interrupted:
        return INTERRUPTED
    return 1 if work.count(RedriveOutcome.FAILED) else 0


_WORDS = {
    RedriveOutcome.REQUESTED: "requested",
    RedriveOutcome.REPEATED: "whose message was sent again",
    RedriveOutcome.CHANGED: "changed meanwhile",
    RedriveOutcome.FAILED: "failed",
}


def _plan(selection: Selection, criteria: Criteria) -> Iterator[str]:
    count = len(selection.over)
    verbs = ("is", "meets") if count == 1 else ("are", "meet")
    yield f"{counted(count, 'job')} {verbs[0]} {criteria.state} and {verbs[1]} the criteria."
    reasons = selection.reasons
    yield from (f"  {count:>7,}  {one_line(reason)}" for reason, count in reasons[:_REASONS])
    if others := reasons[_REASONS:]:
        yield f"  {sum(count for _, count in others):>7,}  for {counted(len(others), 'other reason')}"
    if selection.waiting:
        yield f"Messages are sent again for those that wait since an earlier command: {len(selection.waiting):,}."
    if selection.recent:
        yield (
            f"{selection.recent:,} were requested less than {REPEAT_AFTER_SECONDS} seconds ago and wait. If their "
            "command was killed, run this again after that time."
        )
    if selection.foreign:
        yield f"{selection.foreign:,} more did not come through the inbox: their callers have to submit them again."
