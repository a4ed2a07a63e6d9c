"""`async-endpoint bench`: how long an endpoint takes for documents one after another, and all at once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from async_endpoint.cli.counter import counter_on
from async_endpoint.cli.destination import Destination, destination_options
from async_endpoint.cli.output_file import check_output_file, library_of, writing
from async_endpoint.client import AsyncEndpoint, AsyncEndpointError, FolderError, PollInterval
from async_endpoint.client.folder_documents import find_documents
from async_endpoint.operations.bench import Bench, Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DRAWN = ("one by one", "all at once")  # the phases of --plot


@click.command(short_help="Measure an endpoint with documents one by one and all at once.")
@click.argument("folder", type=click.Path(path_type=Path))
@destination_options
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="Documents sent at once.")
@click.option(
    "--one-by-one", type=click.IntRange(min=1), default=10, show_default=True, help="Documents sent one by one."
)
@click.option("--concurrency", type=click.IntRange(1, 256), default=16, show_default=True, help="Uploads at once.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Draw the time of each document; needs the extra `plot`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def bench(
    context: click.Context,
    *,
    folder: Path,
    destination: Destination,
    count: int,
    one_by_one: int,
    concurrency: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Send the images and PDFs in FOLDER to an endpoint, one by one and then all at once, and show how long it takes.

    A first document is sent alone: its time includes the start of an instance, if the endpoint sleeps. Times are the
    client's, from the submission until the result is found, so that they include S3 and up to 0.15 s of polling.

    \b
    async-endpoint bench samples/receipts --stage dev
    async-endpoint bench samples/receipts --count 1000 --one-by-one 20 --json --stage dev
    async-endpoint bench samples/receipts --plot times.png --stage dev

    Exit status: 0 every document completed, 1 some did not, 2 wrong usage, 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    draw = None if plot is None else _drawing(plot)
    try:
        documents = find_documents(folder).documents
    except FolderError as error:
        raise click.UsageError(str(error)) from error
    name, prefix = destination.resolve()
    try:
        # The same pause between all polls: a longer one would be part of the times.
        interval = PollInterval(growth=1.0)
        target = AsyncEndpoint(name, input_location=prefix, concurrency=concurrency, interval=interval)
        work = Bench(target, documents)
        phases = {
            "first": _shown("the first", 1, lambda done: work.one_after_another(1, done)),
            "one by one": _shown("one by one", one_by_one, lambda done: work.one_after_another(one_by_one, done)),
            "all at once": _shown("all at once", count, lambda done: work.all_at_once(count, done)),
        }
    except AsyncEndpointError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps({phase.replace(" ", "_"): measured.to_json() for phase, measured in phases.items()}))
    else:
        Console().print(_table(phases))
    if draw is not None:
        draw(f"Times of documents at {name}", {phase: phases[phase] for phase in _DRAWN})
        click.echo(f"The plot is {plot}.", err=True)
    reasons = Counter(reason for measured in phases.values() for reason in measured.failed)
    for reason, times in reasons.most_common(5):
        click.echo(f"{times} of the documents: {reason}", err=True)
    context.exit(1 if reasons else 0)


def _drawing(file: Path) -> Callable[[str, Mapping[str, Measured]], None]:
    """Returns what draws phases into a file.

    Raises:
        click.UsageError: The file is not a PNG in a folder that exists.
        click.ClickException: matplotlib is missing.
    """
    check_output_file("--plot", file, ".png", "a PNG")
    with library_of("--plot", "matplotlib", extra="plot"):
        from async_endpoint.operations.bench_plot import draw_times  # noqa: PLC0415 - only --plot needs matplotlib

    def draw(title: str, phases: Mapping[str, Measured]) -> None:
        with writing(f"The plot {file}", file) as stream:
            draw_times(stream, title, phases)

    return draw


def _shown(what: str, count: int, measure: Callable[[Callable[[], None]], Measured]) -> Measured:
    progress = counter_on(Console(stderr=True), what)
    progress.start(count)
    try:
        return measure(progress.advance)
    finally:
        progress.stop()


def _table(phases: dict[str, Measured]) -> Table:
    table = Table("", box=None, pad_edge=False)
    for name in ("documents", "failed", "seconds", "per second", "p50 (s)", "p95 (s)"):
        table.add_column(name, justify="right")
    for phase, measured in phases.items():
        found = measured.to_json()
        names = ("documents", "failed", "seconds", "documents_per_second", "p50_seconds", "p95_seconds")
        table.add_row(phase, *("-" if found[name] is None else f"{found[name]:,}" for name in names))
    return table
