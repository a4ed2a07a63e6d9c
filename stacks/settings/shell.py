"""Prints what the Makefile needs of a stage, as a shell's assignments: `python -m stacks.settings.shell STAGE`."""

import shlex
import sys
from pathlib import Path

from stacks.settings.fields import SettingsError
from stacks.settings.stage import load_settings

_ROOT = Path(__file__).resolve().parents[2]


def assignments(root: Path, stage: str) -> str:
    """Returns `REGION=…` and `SAMPLE=…`, which is empty for a stage without a sample.

    Args:
        root: The repository.
        stage: The stage's name.

    Raises:
        SettingsError: The stage's settings cannot be used, or its sample does not exist.
    """
    settings = load_settings(root / "config", stage)
    sample = "" if settings.model.sample_in(root) is None else str(settings.model.sample)
    return f"REGION={shlex.quote(settings.region)} SAMPLE={shlex.quote(sample)}"


if __name__ == "__main__":
    try:
        print(assignments(_ROOT, sys.argv[1]))  # noqa: T201 - the program's output
    except SettingsError as error:
        sys.exit(str(error))
