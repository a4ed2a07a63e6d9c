"""`async-endpoint model compare`: serve a model on two images, and say whether the results are the same."""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from async_endpoint.cli.model_check import variables_of
from async_endpoint.cli.model_compare_text import as_json, as_text
from async_endpoint.cli.serving_options import serving_env_option
from async_endpoint.client.documents import Document
from async_endpoint.client.errors import AsyncEndpointError
from async_endpoint.client.folder_documents import FolderError, find_documents
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.operations.cdk import CdkError
from async_endpoint.operations.commands import CommandError
from async_endpoint.operations.model.compare import compare_models
from async_endpoint.operations.model.compare_outcomes import Verdict
from async_endpoint.operations.model.compare_results import DEFAULT_TOLERANCE, IGNORED, Rules
from async_endpoint.operations.model.compare_serving import CompareError, Sample, Side
from async_endpoint.operations.model.compare_sides import Wanted, make_side
from async_endpoint.operations.model.packing import PackingError
from async_endpoint.operations.model.stage import StageError
from async_endpoint.operations.preflight import AssemblyError
from async_endpoint.protocol.serving_images import IMAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXIT_STATUS = {Verdict.SAME: 0, Verdict.DIFFERENT: 1, Verdict.UNDECIDED: 2}
_NOT_COMPARED = 2
_INTERRUPTED = 130  # the exit status that shells report after Ctrl-C
_LINES = 10  # of progress, for each way of sending the documents
_IMAGE = click.Choice(list(IMAGES))
_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


def _tolerance(_: click.Context, __: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number.")
    return value


@click.command()
@click.argument("old", type=_IMAGE, metavar="OLD")
@click.argument("new", type=_IMAGE, metavar="NEW")
@click.option("--samples", type=click.Path(path_type=Path), required=True, help="The folder with the documents.")
@click.option(
    "--pattern", metavar="GLOB", help="Which files are documents, such as '**/*.png'.  [default: images, PDF]"
)
@click.option("--content-type", metavar="TYPE", help="Media type of all documents.  [default: guessed for each]")
@click.option("--limit", type=click.IntRange(min=1), help="Send at most this many; the verdict is then never the same.")
@click.option(
    "--folder", type=_FOLDER, help="The folder with the weights and code/.  [default: model_artifacts, or the stage's]"
)
@click.option("--new-folder", type=_FOLDER, help="The folder for NEW, where it needs another code/.  [default: OLD's]")
@click.option("--stage", metavar="NAME", help="Give the containers what this stage would, with each of the images.")
@click.option(
    "--environment",
    metavar="NAME=VALUE",
    multiple=True,
    callback=variables_of,
    help="A variable of the containers; repeatable; overrides the stage's.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    callback=_tolerance,
    default=DEFAULT_TOLERANCE,
    show_default=True,
    help="How far two numbers may be apart.",
)
@click.option(
    "--ignore",
    "ignored",
    metavar="KEY",
    multiple=True,
    default=sorted(IGNORED),
    show_default=True,
    help="Members of JSON results to leave out; repeatable; replaces the default.",
)
@serving_env_option
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object, with all differences.")
def compare(
    *,
    old: str,
    new: str,
    samples: Path,
    pattern: str | None,
    content_type: str | None,
    limit: int | None,
    folder: Path | None,
    new_folder: Path | None,
    stage: str | None,
    environment: dict[str, str],
    tolerance: float,
    ignored: tuple[str, ...],
    serving_env: Path,
    as_object: bool,
) -> None:
    """Serve a model on two images, and compare the results.

    Packs the model for the images OLD and NEW, such as pytorch-1.11 and pytorch-2.6, runs both in containers of the
    local AWS, and sends every document to both: one at a time, and then as many at once as a stage's instance gets.
    JSON results are compared field by field, others byte by byte. Both containers run throughout, and never both at
    work: documents go to them in turns.

    \b
    async-endpoint model compare pytorch-1.11 pytorch-2.6 --samples samples/receipts

    Exit status: 0 the same results, 1 different ones, 2 not decided: wrong usage, a model that does not load, nothing
    to compare, or not all documents compared; 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    with _exit_statuses(), _progress() as progress:
        documents = find_documents(samples, pattern=pattern).documents
        sent = [_sample(path, samples, content_type) for path in documents[:limit]]
        wanted = Wanted(stage, environment, serving_env, progress.step)
        sides = _named(make_side(IMAGES[old], folder, wanted), make_side(IMAGES[new], new_folder or folder, wanted))
        found = compare_models(
            *sides,
            sent,
            folder_documents=len(documents),
            rules=Rules(tolerance, frozenset(ignored)),
            progress=progress,
        )
    click.echo(json.dumps(as_json(found), allow_nan=False) if as_object else as_text(found))
    sys.exit(_EXIT_STATUS[found.verdict])


def _named(old: Side, new: Side) -> tuple[Side, Side]:
    """Returns the sides with names that differ, also where both are on one image."""
    if old.name != new.name:
        return old, new
    return replace(old, name=f"{old.name} OLD"), replace(new, name=f"{new.name} NEW")


def _sample(path: Path, folder: Path, content_type: str | None) -> Sample:
    return Sample(str(path.relative_to(folder)), path, content_type or Document.from_source(path).content_type)


@contextmanager
def _exit_statuses() -> Iterator[None]:
    """Gives each failure its exit status: 1 means different results, and nothing else."""
    try:
        yield
    except (
        AssemblyError, AsyncEndpointError, CdkError, CommandError, CompareError, ContainerError, FolderError, OSError,
        PackingError, StageError,
    ) as error:  # fmt: skip
        if str(error):  # else the packing step has printed the reason
            click.echo(f"Not compared: {error}", err=True)
        sys.exit(_NOT_COMPARED)
    except KeyboardInterrupt:
        click.echo("Interrupted: nothing was compared, and both containers have ended.", err=True)
        sys.exit(_INTERRUPTED)


class _Lines:
    """Plain lines, for logs."""

    def __init__(self) -> None:
        self._printed = 0

    def step(self, text: str) -> None:
        """Prints the step."""
        click.echo(text, err=True)

    def sent(self, way: str, done: int, of: int) -> None:
        """Prints about ten counts."""
        tenths = done * _LINES // of
        if tenths != self._printed:
            click.echo(f"sent {way}: {done}/{of}", err=True)
        self._printed = tenths


class _Bar:
    """A line that changes, for a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def step(self, text: str) -> None:
        """Shows the step."""
        self._progress.reset(self._task, total=None, description=text)

    def sent(self, way: str, done: int, of: int) -> None:
        """Moves the bar."""
        self._progress.update(self._task, description=f"Sent {way}", completed=done, total=of)


@contextmanager
def _progress() -> Iterator[_Lines | _Bar]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress)
