"""Files that a command writes besides its output: what is wrong with their names is said before any work.

Each is written whole or not at all.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import click

from async_endpoint.replaced_file import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def check_output_file(option: str, file: Path, suffix: str, kind: str) -> None:
    """Checks the name of a file that an option writes.

    Args:
        option: Such as `--plot`.
        file: The file.
        suffix: With which its name must end, such as `.png`.
        kind: What is written, such as `a PNG`.

    Raises:
        click.UsageError: It has another suffix, or is in a folder that does not exist.
    """
    if file.suffix.lower() != suffix:
        raise click.UsageError(f"{option} writes {kind}: name a file that ends with {suffix}, not {file}.")
    if not file.parent.is_dir():
        raise click.UsageError(f"There is no folder {file.parent} for {file.name}: create it, or name another one.")


@contextmanager
def library_of(option: str, library: str, *, extra: str) -> Iterator[None]:
    """Says how to install the library that an option needs, where the block cannot import it.

    Raises:
        click.ClickException: It is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"`{option}` needs {library}: install it with `pip install 'async-endpoint[{extra}]'`."
        ) from error


@contextmanager
def writing(name: str, file: Path) -> Iterator[IO[bytes]]:
    """Yields a file that takes the place of another one when the block ends without an error.

    Args:
        name: The file as the sentence of an error begins, such as `The plot plan.png`.
        file: The file.

    Raises:
        click.ClickException: It cannot be written.
    """
    try:
        with replacing(file) as stream:
            yield stream
    except OSError as error:
        raise click.ClickException(f"{name} cannot be written: {error.strerror}.") from error
