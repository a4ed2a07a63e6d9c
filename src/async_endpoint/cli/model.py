"""`async-endpoint model`: pack a model's archive, lock its packages, check it before a deploy."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from async_endpoint.client.documents import Document
from async_endpoint.client.errors import AsyncEndpointError
from async_endpoint.emulator.containers.environment import prepare
from async_endpoint.emulator.containers.errors import ContainerError
from async_endpoint.operations.model.check import CheckedArchive, check_archive
from async_endpoint.operations.model.packing import PackingError, lock_packages, pack_archive
from async_endpoint.protocol import DOCUMENT_SUFFIXES

_SAMPLES = Path("samples", "receipts")
_SHOWN_CHARACTERS = 500

Command = Callable[..., Any]


def _folder(command: Command) -> Command:
    return click.option(
        "--folder",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        default=Path("model_artifacts"),
        show_default=True,
        help="The folder with my_model/ and code/.",
    )(command)


@click.group()
def model() -> None:
    """Pack a model's archive and check it without an endpoint."""


@model.command()
@_folder
@click.option(
    "--dependencies",
    type=click.Choice(["included", "install"]),
    default="included",
    show_default=True,
    help="Include the packages, or have pip install them when a container starts.",
)
def pack(folder: Path, dependencies: str) -> None:
    """Pack model.tar.gz as a deploy would, and print its path.

    Does not pack again if an archive of the same inputs exists.
    """
    click.echo(_packed(lambda: pack_archive(folder, dependencies=dependencies)))


@model.command()
@_folder
def lock(folder: Path) -> None:
    """Write code/requirements.lock.

    Resolves code/requirements.txt for the image; needs network access.
    """
    click.echo(_packed(lambda: lock_packages(folder)))


@model.command()
@click.argument("archive", type=click.Path(dir_okay=False, exists=True, path_type=Path), required=False)
@_folder
@click.option(
    "--sample",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The document to process.  [default: the first of samples/receipts]",
)
@click.option(
    "--content-type", metavar="TYPE", help="The document's content type.  [default: by its name and first bytes]"
)
@click.option(
    "--serving-env",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ASYNC_ENDPOINT_SERVING_ENV",
    default=Path(".venv-serving"),
    show_default=True,
    show_envvar=True,
    help="The Python 3.8 environment that stands in for the image; built if it does not exist.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(
    archive: Path | None,
    folder: Path,
    sample: Path | None,
    content_type: str | None,
    serving_env: Path,
    *,
    as_json: bool,
) -> None:
    """Load an archive's model and process a sample.

    Runs in the image's Python, without a network and without an endpoint. Without ARCHIVE, packs the folder and checks
    that archive. Prints load time, processing time, peak memory and the result.

    Exit status: 0 the sample was processed, 1 it was not, 2 wrong usage.
    """
    archive = archive or _packed(lambda: pack_archive(folder))
    document = sample or _first_sample()
    try:
        media_type = content_type or Document.from_source(document).content_type
        serving = prepare(serving_env, lambda line: click.echo(line, err=True))
        checked = check_archive(archive, document, media_type, serving)
    except (AsyncEndpointError, ContainerError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(checked.to_dict()) if as_json else _as_text(checked, document, media_type))
    if not checked.is_processed:
        sys.exit(1)


def _packed(pack_or_lock: Callable[[], Path]) -> Path:
    try:
        return pack_or_lock()
    except PackingError as error:
        if str(error):
            raise click.ClickException(str(error)) from error
        sys.exit(1)


def _first_sample() -> Path:
    found = sorted(path for path in _SAMPLES.glob("*") if path.suffix in DOCUMENT_SUFFIXES)
    if not found:
        raise click.UsageError(f"There is no document in {_SAMPLES}: name one with --sample.")
    return found[0]


def _as_text(checked: CheckedArchive, document: Path, media_type: str) -> str:
    found = checked.findings
    size = f"{checked.archive}: {checked.archive_mb} MB, {checked.files} files, {found['peak_memory_mb']} MB of memory"
    if checked.failure is not None:
        return f"{size}\nThe model does not load: {checked.failure}"
    return (
        f"{size}\n"
        f"The model loaded in {found['load_seconds']} s.\n"
        f"{document.name} ({media_type}) returned status {found['status']} in {found['first_answer_seconds']} s, "
        f"a second time in {found['second_answer_seconds']} s, as {found['content_type']}:\n"
        f"{str(found['answer'])[:_SHOWN_CHARACTERS]}"
    )
