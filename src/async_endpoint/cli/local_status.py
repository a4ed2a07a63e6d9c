"""`async-endpoint local status`: the current state of a local AWS, once or continuously."""

from __future__ import annotations

import json
import time
import urllib.parse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from async_endpoint.cli.local_options import region_option, running_in, state_dir_option
from async_endpoint.counted import counted
from async_endpoint.emulator.console.durations import duration
from async_endpoint.emulator.console.formatting import count_states
from async_endpoint.emulator.loopback import NoResponse, fetch_json

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from async_endpoint.emulator.launcher import LocalAws

_EVERY_SECONDS = 2.0
_ACTIVITIES_SHOWN = 3
_DOCUMENTS_SHOWN = 5
_RESULT_CHARACTERS = 60
_STYLES = {
    "InService": "green", "OK": "green", "Completed": "green", "Successful": "green",
    "Failed": "red", "ALARM": "red",
    "Creating": "yellow", "Updating": "yellow", "RollingBack": "yellow", "Deleting": "yellow", "Starting": "yellow",
    "Expired": "yellow", "InProgress": "yellow",
}  # fmt: skip

Overview = dict[str, Any]


@click.command()
@state_dir_option
@region_option("The region to show.")
@click.option("--watch", is_flag=True, help="Refresh every two seconds, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print everything once as JSON; times are AWS's epoch seconds.")
def status(state_dir: Path, region: str, *, watch: bool, as_json: bool) -> None:
    """Show endpoints with their documents, queues, instances and scaling, and which alarms are in ALARM.

    \b
    async-endpoint local status --region us-east-1
    async-endpoint local status --watch

    Exit status: 0 it is shown, 1 there is no local AWS, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if watch and as_json:
        raise click.UsageError("Use --watch or --json, not both.")
    running = running_in(state_dir)
    try:
        if as_json:
            click.echo(json.dumps(fetch_overview(running, region), indent=2))
        elif watch:
            _watch(running, region)
        else:
            Console().print(Group(_head(running), Text(), shown(fetch_overview(running, region))))
    except NoResponse as error:
        raise click.ClickException(str(error)) from error


def fetch_overview(running: LocalAws, region: str) -> Overview:
    """Returns the overview of a region.

    Raises:
        NoResponse: The local AWS does not respond.
    """
    return fetch_json(f"{running.endpoint_url}/_local/overview?{urllib.parse.urlencode({'region': region})}")


def shown(overview: Overview) -> RenderableType:
    """Returns every endpoint with its queue, last documents, instances and scaling activities, and what alarms say."""
    now, region = overview["clock"]["now"], overview["region"]
    parts: list[RenderableType] = []
    for endpoint in overview["endpoints"]:
        parts += [_title(endpoint), _documents(endpoint), _instances(endpoint, now), _activities(endpoint), Text()]
    others = ", ".join(name for name in overview["regions"] if name != region)
    if not overview["endpoints"]:
        where = f"{others} has: see --region." if others else "No other region has one."
        parts.append(Text(f"There is no endpoint in {region}. {where}"))
    elif others:
        parts.append(Text(f"More endpoints in {others}: see --region.", style="dim"))
    return Group(*parts, _alarm_lines(overview))


def _watch(running: LocalAws, region: str) -> None:
    """Refreshes until Ctrl-C; without a terminal, prints one below the other."""
    console = Console()

    def screen() -> RenderableType:
        overview = fetch_overview(running, region)
        at = f"{_clock(overview['clock']['now'])} UTC on AWS's clock · {region} · Ctrl-C stops"
        return Group(_head(running), Text(at, style="dim"), Text(), shown(overview))

    try:
        if not console.is_terminal:
            while True:
                console.print(screen())
                time.sleep(_EVERY_SECONDS)
        with Live(screen(), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(_EVERY_SECONDS)
                live.update(screen(), refresh=True)
    except KeyboardInterrupt:
        return


def _head(running: LocalAws) -> Text:
    return Text(
        f"{running.endpoint_url}, process {running.pid}, AWS's clock at {running.speed:g} times real time\n"
        f"Console: {running.endpoint_url}/_local/"
    )


def _title(endpoint: Overview) -> Text:
    backlog, oldest = endpoint["backlog"], endpoint["backlog"]["oldest_seconds"]
    age = "" if oldest is None else f" (the oldest for {duration(oldest)})"
    bounds = endpoint["scaling"]
    between = "" if bounds is None else f", {bounds['min']} to {bounds['max']}"
    text = Text.assemble((endpoint["name"], "bold"), "  ", _state(endpoint["status"]), f"  {endpoint['config']}\n")
    text.append(f"{backlog['waiting']:,} waiting{age}, {backlog['in_flight']:,} in flight")
    text.append(f" · {endpoint['running']} in service, {endpoint['desired']} desired{between}")
    if endpoint["failure_reason"] is not None:
        text.append(f"\n{endpoint['failure_reason']}", style="red")
    return text


def _instances(endpoint: Overview, now: float) -> RenderableType:
    table = _table("instance", "state", "since", "for", "requests")
    for item in endpoint["instances"]:
        table.add_row(
            item["id"],
            _state(item["state"]),
            _clock(item["since"]),
            duration(now - item["since"]),
            str(item["requests"]),
        )
    if endpoint["leaving"]:
        table.add_row(f"{endpoint['leaving']} stopping", "", "", "", "")
    return table if table.row_count else Text("no instance", style="dim")


def _alarm_lines(overview: Overview) -> RenderableType:
    """Returns how many alarms are in each state, and those in ALARM; those that scale are no trouble."""
    alarms = _alarms(overview)
    lines = [Text(f"{counted(len(alarms), 'alarm')}: {count_states(alarms)}")]
    if not alarms:
        return Text("no alarm", style="dim")
    for alarm in sorted((each for each in alarms if each["state"] == "ALARM"), key=lambda each: bool(each["scales"])):
        style = "dim" if alarm["scales"] else "red"
        what = " (scales)" if alarm["scales"] else ""
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"  {_plain(alarm['short_name'])}{what}", style=style)
        text.append(f" since {_clock(alarm['since'])}: {_plain(alarm['reason'])}", style="dim")
        lines.append(text)
    return Group(*lines)


def _activities(endpoint: Overview) -> RenderableType:
    table = _table("scaled", "result", "what", "cause")
    for item in endpoint["activities"][:_ACTIVITIES_SHOWN]:
        table.add_row(
            _clock(item["started_at"]),
            _state(item["status"]),
            Text(item["description"], no_wrap=True, overflow="ellipsis"),
            Text(item["cause"], no_wrap=True, overflow="ellipsis"),
        )
    return table if table.row_count else Text("no scaling activity", style="dim")


def _documents(endpoint: Overview) -> RenderableType:
    table = _table("finished", "outcome", "document", "result")
    for item in endpoint["documents"][:_DOCUMENTS_SHOWN]:
        result = " ".join(item["result"].split())
        short = result if len(result) <= _RESULT_CHARACTERS else result[: _RESULT_CHARACTERS - 1] + "…"
        place = (item["input_location"] or item["inference_id"]).rpartition("/")[2]
        cells = (Text(_plain(cell), no_wrap=True, overflow="ellipsis") for cell in (place, short))
        table.add_row(_clock(item["ended_at"]), _state(item["status"]), *cells)
    return table if table.row_count else Text("no finished document", style="dim")


def _alarms(overview: Overview) -> list[Overview]:
    own = [alarm for endpoint in overview["endpoints"] for alarm in endpoint["alarms"]]
    return [*own, *overview["other_alarms"]]


def _table(*heads: str) -> Table:
    return Table(*heads, box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))


def _state(word: str) -> Text:
    return Text(word, style=_STYLES.get(word, "dim"))


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def _plain(text: str) -> str:
    """Returns a text without control characters."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
