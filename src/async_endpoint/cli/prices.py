"""`async-endpoint prices`: a table of instance prices from AWS's price lists, for plans."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from async_endpoint.cli.output_file import writing
from async_endpoint.operations.price_list_download import DownloadError, downloaded, is_url
from async_endpoint.planner import PlanError, PriceList, price_table, read_price_list, read_prices

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEGABYTE = 1_000_000
_LINES = 10
_NAMED = 10


@click.command()
@click.argument("sources", metavar="FILE_OR_URL...", nargs=-1, required=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("prices.toml"),
    show_default=True,
    help="The table to write; an older one is replaced.",
)
def prices(sources: tuple[str, ...], *, output: Path) -> None:
    """Write a table of instance prices from AWS's price lists.

    Each FILE_OR_URL is a price list of the offer AmazonSageMaker: index.json of a region, or of all regions. A URL has
    https. Credentials are not needed.

    For each instance type, the price of asynchronous inference (AsyncInf) is taken, or else that of hosting (Host); the
    table says which. Types without one clear price are named, and are not in the table.

    \b
    async-endpoint prices \\
        https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonSageMaker/current/eu-west-1/index.json
    async-endpoint plan cdk.out --prices prices.toml --pattern rate=30 --service-seconds 0.3 --start-seconds 240

    Exit status: 0 written, 1 the table cannot be written, 2 wrong usage, or a source that is no such price list.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    try:
        _check_replaceable(output)
        lists = [_read(source) for source in sources]
        text = price_table(lists)
    except (PlanError, DownloadError) as error:
        raise click.UsageError(str(error)) from error
    with writing(str(output), output) as file:
        file.write(text.encode())
    for line in _summary(lists):
        click.echo(line)
    click.echo(f"{output} is written: name it with `async-endpoint plan --prices`, or as prices in a stage's [plan].")


def _read(source: str) -> PriceList:
    if not is_url(source):
        return read_price_list(Path(source))
    with downloaded(source, progress=_Progress()) as path:
        try:
            return read_price_list(path)
        except PlanError as error:
            raise PlanError(str(error).replace(str(path), source)) from error


class _Progress:
    """A line that is rewritten on a terminal; about ten lines elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._next = 0

    def __call__(self, received: int, whole: int | None) -> None:
        if not self._is_terminal and received < self._next and received != whole:
            return
        self._next = received + max(10 * _MEGABYTE, (whole or 0) // _LINES)
        of = f" of {whole / _MEGABYTE:,.0f}" if whole else ""
        text = f"{received / _MEGABYTE:,.0f}{of} MB downloaded"
        click.echo(f"\r{text}" if self._is_terminal else text, err=True, nl=not self._is_terminal or received == whole)


def _check_replaceable(output: Path) -> None:
    """Keeps a file that is no table of prices, and finds a folder that is missing before a long download."""
    if not output.parent.is_dir():
        raise PlanError(f"{output.parent} is no folder: create it, or name another file by --output.")
    if output.exists():
        try:
            read_prices(output)
        except PlanError as error:
            raise PlanError(f"{output} exists and is no table of prices: name another file by --output.") from error


def _summary(lists: list[PriceList]) -> Iterator[str]:
    for listed in lists:
        for region, count in sorted(Counter(each.region for each in listed.prices).items()):
            hosted = [each.instance_type for each in listed.prices if (each.region, each.kind) == (region, "Host")]
            text = (
                f"{region}, published {listed.published.isoformat()}: {count} instance type{'' if count == 1 else 's'}"
            )
            if hosted:
                text += f"; of these with the price of hosting, not of asynchronous inference: {_names(hosted)}"
            yield f"{text}."
    without = sorted({f"{kind} in {region}" for listed in lists for region, kind in listed.without_price})
    if without:
        yield f"Without one clear price, and not in the table: {_names(without)}."


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
