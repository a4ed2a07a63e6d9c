"""`async-endpoint announce`: the outcomes of jobs, sent to subscribers once more."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console

from async_endpoint.cli.ages import AGE
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
from async_endpoint.client import JobsTableReader
from async_endpoint.counted import counted
from async_endpoint.operations.jobs.announcement import AnnouncementError, Announcer, jobs_with_outcomes
from async_endpoint.protocol import JobState

if TYPE_CHECKING:
    from datetime import timedelta

_STATES = [state for state in JobState if state.is_final]


@click.command(short_help="Notify subscribers of outcomes again.")
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("--since", type=AGE, metavar="AGE", help="All jobs that ended within 1d, 6h, 30m, instead of JOBs.")
@click.option(
    "--state",
    type=click.Choice([*_STATES], case_sensitive=False),
    metavar="STATE",
    help=f"With --since, only jobs in this state: {', '.join(_STATES)}.  [default: any]",
)
@dry_run_option
@yes_option
@workflow_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
@click.pass_context
def announce(
    context: click.Context,
    *,
    jobs: tuple[str, ...],
    since: timedelta | None,
    state: JobState | None,
    dry_run: bool,
    yes: bool,
    stage: str | None,
    stack: str | None,
    as_json: bool,
) -> None:
    """Send the events of jobs that have an outcome once more, and call the webhook, if there is one.

    A JOB is an id, or s3://bucket/key of a document, which means the newest version. All subscribers get the events,
    also those that know them: they ignore a `deduplication_key` that they have seen. The webhook's signature is new.

    \b
    async-endpoint announce --since 6h --stage dev
    async-endpoint announce s3://BUCKET/inbox/receipt.jpg --stage dev

    Exit status: 0 all are announced, or there are none; 1 some are not; 2 wrong usage; 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if bool(jobs) == (since is not None):
        raise click.UsageError("Name the jobs, or give --since for all that ended since then: one of the two.")
    if state is not None and since is None:
        raise click.UsageError("--state chooses among the jobs of --since: give both, or neither.")
    workflow = read_workflow(stack, stage)
    with errors_as_sentences():
        records = JobsTableReader.from_session(workflow.jobs_table)
        if since is None:
            chosen = [records.get(job).job_id for job in jobs]
        else:
            chosen = list(jobs_with_outcomes(records, state, datetime.now(UTC) - since))
        click.echo(f"{counted(len(chosen), 'job')} to announce.", err=as_json)
        if dry_run:
            for job in chosen:
                click.echo(json.dumps({"job_id": job, "dry_run": True}) if as_json else f"  {job}")
            return
        if since is not None and chosen and not yes:
            confirm(f"Send {counted(len(chosen), 'event')} again?", "Nothing was sent")
        announcer = Announcer(patient_session().client("lambda"), workflow.notify_function)
        context.exit(_run(announcer, chosen, as_json=as_json))


def _run(announcer: Announcer, chosen: list[str], *, as_json: bool) -> int:
    progress = counter_on(Console(stderr=True), "announced")
    progress.start(len(chosen))
    done, failed, status = 0, list[str](), 0
    try:
        for count, not_announced in announcer.announce(chosen):
            done += count
            failed += not_announced
            progress.show(done, len(chosen))
    except KeyboardInterrupt:
        status = INTERRUPTED
    except AnnouncementError as error:
        status = 1
        progress.report(str(error))
    finally:
        progress.stop()
    announced = done - len(failed)
    if as_json:
        line = {"announced": announced, "not_announced": failed, "left": len(chosen) - done}
        click.echo(json.dumps(line))
    else:
        for job in failed:
            click.echo(f"  {job} has no outcome, or its event was not accepted: see the function's log.", err=True)
        left = f", {len(chosen) - done:,} left: run the same command again" if done < len(chosen) else ""
        click.echo(f"{announced:,} announced, {len(failed):,} not{left}.")
    return status or (1 if failed else 0)
