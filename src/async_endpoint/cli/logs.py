"""`async-endpoint logs`: the logs of a stage's endpoint and functions, in the order of time."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError

from async_endpoint.cli.ages import AGE
from async_endpoint.cli.aws_session import patient_session, reading_session
from async_endpoint.cli.one_line import one_line
from async_endpoint.cli.workflow_options import errors_as_sentences
from async_endpoint.operations.logs import SOURCES, LogEvent, log_groups, read_events
from async_endpoint.operations.stack_outputs import StackError

if TYPE_CHECKING:
    import boto3

_EVERY_SECONDS = 2.0
# CloudWatch shows an event some seconds after it happened, and those of one group out of order with those of another.
_LATE = timedelta(seconds=30)


@click.command(short_help="Print the logs of an endpoint and its functions.")
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=click.Choice(SOURCES))
@click.option("--stage", metavar="NAME", required=True, help="The stage.")
@click.option("--since", type=AGE, default="1h", show_default=True, metavar="AGE", help="How far back: 1d, 6h, 30m.")
@click.option("--contains", metavar="TEXT", help="Only lines that contain this text, such as a job's id.")
@click.option("--follow", is_flag=True, help="Go on with new lines, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each line.")
def logs(
    *, sources: tuple[str, ...], stage: str, since: timedelta, contains: str | None, follow: bool, as_json: bool
) -> None:
    """Print the lines that the SOURCES logged, oldest first: endpoint, submit, record, reconcile, notify or watchdog.

    All of them are the default.

    \b
    async-endpoint logs endpoint --since 30m --stage dev
    async-endpoint logs --contains JOB --since 1d --stage dev

    Exit status: 0 even if there is no line, 1 an AWS call failed, 2 wrong usage, 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    with errors_as_sentences():
        session = reading_session()
        groups = _groups(session, stage, sources)
        client = (patient_session() if follow else session).client("logs")  # --follow outlives a break of the network
        start, printed = datetime.now(UTC) - since, dict[str, int]()
        while True:
            asked = datetime.now(UTC)
            for event in read_events(client, groups, since=start, text=contains):
                if event.event_id not in printed:
                    printed[event.event_id] = event.at
                    click.echo(_line(event, as_json=as_json))
            if not follow:
                return
            start = max(start, asked - _LATE)
            printed = {name: at for name, at in printed.items() if at >= start.timestamp() * 1000}
            time.sleep(_EVERY_SECONDS)


def _groups(session: boto3.Session, stage: str, sources: tuple[str, ...]) -> dict[str, str]:
    try:
        found = log_groups(session.client("cloudformation"), stage=stage)
    except (StackError, BotoCoreError) as error:
        raise click.ClickException(str(error)) from error
    if missing := [source for source in sources if source not in found]:
        raise click.ClickException(f"Stage {stage} has no log of {', '.join(missing)}: it has {', '.join(found)}.")
    return {source: group for source, group in found.items() if not sources or source in sources}


def _line(event: LogEvent, *, as_json: bool) -> str:
    at = datetime.fromtimestamp(event.at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if as_json:
        return json.dumps({"at": at, "source": event.source, "stream": event.stream, "message": event.message})
    return f"{at} {event.source:<9} {one_line(event.message)}"
