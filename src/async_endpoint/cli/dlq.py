"""`async-endpoint dlq`: the messages that were given up on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console

from async_endpoint.cli.aws_session import patient_session
from async_endpoint.cli.counter import counter_on
from async_endpoint.cli.one_line import one_line
from async_endpoint.cli.workflow_options import (
    INTERRUPTED,
    Command,
    confirm,
    errors_as_sentences,
    read_workflow,
    workflow_options,
    yes_option,
)
from async_endpoint.counted import counted
from async_endpoint.operations.deadline import Deadline
from async_endpoint.operations.jobs.dead_letter_move import MoveError, move_dead_letters
from async_endpoint.operations.jobs.dead_letters import HIDDEN_SECONDS, DeadLetterQueue
from async_endpoint.operations.jobs.workflow import ThreadedTable, WorkerQueue, Workflow, queue_name
from async_endpoint.protocol import JobsTableWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from async_endpoint.operations.jobs.dead_letters import DeadLetter

_WORKERS = ("intake", "urgent", "results")
_NAMES = (*_WORKERS, "events", "webhook")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


@click.group()
def dlq() -> None:
    """List, move back or delete the messages in the dead-letter queues."""


def _queue_option(names: tuple[str, ...]) -> Callable[[Command], Command]:
    return click.option(
        "--queue",
        type=click.Choice(names),
        metavar="NAME",
        help=f"This dead-letter queue only: {', '.join(names[:-1])} or {names[-1]}.  [default: all]",
    )


@dlq.command("list", short_help="Show how many messages there are, and some of them.")
@_queue_option(_NAMES)
@click.option("--limit", type=click.IntRange(0, 1000), default=10, show_default=True, help="Look at this many of each.")
@workflow_options
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each queue, with its messages.")
def list_command(*, queue: str | None, limit: int, stage: str | None, stack: str | None, as_json: bool) -> None:
    """Show how many messages each dead-letter queue has, and a sample of them.

    The sample is whatever SQS returns first, and hides its messages from other receivers for ten seconds. The reason
    is EventBridge's, or that in the record of the message's job; else the log of the function has it. `intake`,
    `urgent` and `results` have documents and notifications; `events` and `webhook` outcomes that were not announced.

    \b
    async-endpoint dlq list --stage dev
    async-endpoint dlq list --queue results --limit 100 --json --stage dev

    Exit status: 0 even if there are messages, 1 an AWS call failed, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    workflow = read_workflow(stack, stage)
    with errors_as_sentences():
        for name, url, letters in _dead_letters(workflow, queue):
            count = letters.count()
            sample = letters.sample(limit) if count and limit else []
            if as_json:
                line = {"queue": name, "url": url, "messages": count}
                click.echo(json.dumps({**line, "sample": [each.to_json() for each in sample]}, ensure_ascii=False))
                continue
            click.echo(f"{name}: {_messages(count)} in {queue_name(url)}")
            for each in sample:
                click.echo(_describe(each))
            if sample:
                click.echo(f"  This is a sample: {len(sample):,} of {count:,}, hidden for {HIDDEN_SECONDS} seconds.")
            elif count and limit:
                click.echo(f"  None is visible: a receiver hides them, as a look does for {HIDDEN_SECONDS} seconds.")


@dlq.command("redrive", short_help="Move the messages back to their worker.")
@_queue_option(_WORKERS)
@click.option(
    "--timeout", type=click.IntRange(min=1), default=3600, show_default=True, help="Seconds to wait for each queue."
)
@workflow_options
@click.pass_context
def redrive_command(
    context: click.Context, *, queue: str | None, timeout: int, stage: str | None, stack: str | None
) -> None:
    """Move the messages of intake, urgent and results back to the queues of their workers, and wait for it.

    Remove the cause first: the workers give up on the messages again otherwise. Nothing is submitted or recorded
    twice. SQS moves no message that `list` has just hidden, so this waits for them, up to 12 seconds. After an
    interruption SQS continues by itself; the same command then waits for it. Outcomes that were not announced are
    announced by `async-endpoint announce`.

    \b
    async-endpoint dlq redrive --stage dev
    async-endpoint dlq redrive --queue intake --stage dev

    Exit status: 0 all are moved, or there are none; 1 some are not; 2 wrong usage; 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    workflow = read_workflow(stack, stage)
    failed = False
    with errors_as_sentences():
        for name, _, letters in _dead_letters(workflow, queue, _WORKERS):
            worker, count = workflow.queues[name], letters.count()
            if not count:
                click.echo(f"{worker.worker}: {worker.dead_letters_name} is empty.")
                continue
            hidden = letters.await_hidden(Deadline(HIDDEN_SECONDS + 2, interval=0.5))
            try:
                moved = _move(worker, count, timeout)
                click.echo(f"{worker.worker}: {_messages(moved)} moved to {worker.name}.")
                if hidden:
                    failed = True
                    click.echo(
                        f"Error: another receiver hides {_messages(hidden)} of {worker.dead_letters_name}, which SQS "
                        "does not move: run the command again when they are visible.",
                        err=True,
                    )
            except MoveError as error:
                failed = True
                click.echo(f"Error: {error}", err=True)
            except KeyboardInterrupt:
                click.echo(f"Interrupted: SQS continues to move the messages of {worker.dead_letters_name}.", err=True)
                context.exit(INTERRUPTED)
    context.exit(1 if failed else 0)


@dlq.command("purge", short_help="Delete the messages.")
@_queue_option(_NAMES)
@yes_option
@workflow_options
def purge_command(*, queue: str | None, yes: bool, stage: str | None, stack: str | None) -> None:
    """Delete all messages of the dead-letter queues, after a confirmation.

    Documents stay in the inbox, and the reconciler sends the events of recent ones again: `cancel` those that must not
    be processed. `list` shows them first.

    \b
    async-endpoint dlq purge --queue results --stage dev

    Exit status: 0 the messages are deleted, or there are none; 1 they are not; 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    workflow = read_workflow(stack, stage)
    with errors_as_sentences():
        found = [(name, url, letters, letters.count()) for name, url, letters in _dead_letters(workflow, queue)]
        for name, url, _, count in found:
            click.echo(f"{name}: {_messages(count)} in {queue_name(url)}")
        full = [each for each in found if each[-1]]
        if not full:
            return
        total = sum(count for *_, count in full)
        if not yes:
            confirm(f"Delete {_messages(total)}, which cannot be restored?", "Nothing was deleted")
        for name, url, letters, _ in full:
            letters.purge()
            click.echo(f"{name}: {queue_name(url)} is purged; SQS takes up to a minute for it.")


def _dead_letters(
    workflow: Workflow, only: str | None, names: tuple[str, ...] = _NAMES
) -> Iterator[tuple[str, str, DeadLetterQueue]]:
    """Yields the name and the URL of each DLQ, or of one, and the DLQ.

    Raises:
        click.UsageError: The stack has no such DLQ.
    """
    sqs = patient_session().client("sqs")
    jobs = JobsTableWriter(ThreadedTable(workflow.jobs_table))
    found = workflow.dead_letters
    if only is not None and only not in found:
        raise click.UsageError(f"This stage has no {only}: leave --queue out, or choose {', '.join(found)}.")
    for name, url in found.items():
        if name in names and only in (None, name):
            yield name, url, DeadLetterQueue(sqs, url, jobs)


def _move(worker: WorkerQueue, count: int, timeout: int) -> int:
    progress = counter_on(Console(stderr=True), f"{worker.worker}: moved")
    progress.start(count)
    try:
        return move_dead_letters(
            patient_session().client("sqs"),
            worker,
            Deadline(timeout, interval=1.0),
            progress.show,
        )
    finally:
        progress.stop()


def _describe(letter: DeadLetter) -> str:
    age = (datetime.now(UTC) - letter.sent_at).total_seconds()
    job = f"job {letter.job_id}" if letter.job_id else ""
    state = f"job {letter.job_id} is {letter.job_state}" if letter.job_state else job
    facts = [
        letter.document or f"message {letter.message_id}",
        letter.kind,
        f"{_age(age)} old",
        f"received {counted(letter.receive_count, 'time')}",
        state,
        letter.reason or "reason: see the function's log",
    ]
    return one_line("  " + ", ".join(fact for fact in facts if fact))


def _age(seconds: float) -> str:
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{max(0, seconds) / size:.0f} {unit}"


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"
