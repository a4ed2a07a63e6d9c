"""`async-endpoint model`: begin a model, pack its archive, lock its packages, check it before a deploy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from async_endpoint.cli.model_check import check
from async_endpoint.cli.model_compare import compare
from async_endpoint.cli.model_new import new
from async_endpoint.operations.model.packing import PackingError, lock_packages, pack_archive, shown
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, ImageName

Command = Callable[..., Any]
Result = TypeVar("Result")


def _folder(command: Command) -> Command:
    return click.option(
        "--folder",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        default=Path("model_artifacts"),
        show_default=True,
        help="The folder with the weights and code/.",
    )(command)


@click.group()
def model() -> None:
    """Begin a model, pack its archive and check it without an endpoint."""


model.add_command(check)
model.add_command(compare)
model.add_command(new)


@model.command()
@_folder
@click.option(
    "--dependencies",
    type=click.Choice(["included", "install"]),
    default="included",
    show_default=True,
    help="Include the packages, or have pip install them when a container starts.",
)
@click.option("--program", metavar="FILE", help="The container's SAGEMAKER_PROGRAM. [default: inference.py]")
@click.option(
    "--image",
    type=click.Choice(get_args(ImageName)),
    default=DEFAULT_IMAGE,
    show_default=True,
    help="The image that the archive is for: the stage's endpoint.image.",
)
def pack(folder: Path, dependencies: str, program: str | None, image: ImageName) -> None:
    """Pack model.tar.gz as a deploy would, and print its path.

    The path is relative to the current folder if it is below that. Does not pack again if an archive of the same
    inputs exists.

    \b
    async-endpoint model pack --image pytorch-2.6

    Exit status: 0 it is packed, 1 it cannot be, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    archive = _packed(lambda: pack_archive(folder, dependencies=dependencies, program=program, image=image))
    click.echo(shown(archive))


@model.command()
@_folder
@click.option(
    "--image",
    type=click.Choice(get_args(ImageName)),
    help=f"The image to lock for.  [default: each that has a lock, else {DEFAULT_IMAGE}]",
)
def lock(folder: Path, image: ImageName | None) -> None:
    """Write the lock of code/requirements.txt for an image.

    It is code/requirements.lock for pytorch-1.11, and code/requirements.IMAGE.lock for another image. Needs network
    access.

    \b
    async-endpoint model lock --image pytorch-2.6

    Exit status: 0 it is written, 1 it cannot be, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    for path in _packed(lambda: lock_packages(folder, image)):
        click.echo(path)


def _packed(pack_or_lock: Callable[[], Result]) -> Result:
    try:
        return pack_or_lock()
    except PackingError as error:
        if str(error):
            raise click.ClickException(str(error)) from error
        sys.exit(1)
