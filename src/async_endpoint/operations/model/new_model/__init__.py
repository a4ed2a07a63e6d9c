"""Writes the files of a new model that deploys as it is: functions, weights, a sample and a stage."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# It begins the names of stacks and of the endpoint, which have at most 63 characters.
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 30


class NewModelError(Exception):
    """The model was not created; the message says why, and what to do."""


def create_model(root: Path, name: str) -> list[Path]:
    """Writes `models/NAME` and `config/NAME.toml` below a checkout.

    Args:
        root: The checkout.
        name: The name of the model and of its stage.

    Returns:
        The files that were written, relative to the checkout.

    Raises:
        NewModelError: The name cannot be used, `root` is not a checkout, or one of the two exists: nothing is replaced.
        OSError: A file cannot be written.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise NewModelError(
            f"{name!r} cannot name a model: use up to {_LONGEST} small letters, digits and single hyphens, such as "
            "invoice-reader; a letter comes first."
        )
    if not (root / "config").is_dir() or not (root / "cdk.json").is_file():
        raise NewModelError(f"{root} is not a checkout of the app, with cdk.json and config/: go to its folder.")
    folder, stage = root / "models" / name, root / "config" / f"{name}.toml"
    for path in (folder, stage):
        if path.exists():
            raise NewModelError(f"{path.relative_to(root)} exists, and is left as it is: choose another name.")
    files = {
        folder / "code" / "inference.py": "inference.py.template",
        folder / "my_model" / "model.json": "model.json",
        folder / "samples" / "one.txt": "one.txt",
        stage: "stage.toml",
    }
    for path, source in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = resources.files(__package__).joinpath(source).read_text(encoding="utf-8")
        path.write_text(text.replace("NAME", name) if path == stage else text, encoding="utf-8")
    return [path.relative_to(root) for path in files]
