"""Files that a command writes besides its output: what is wrong with their names is said before any work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
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
