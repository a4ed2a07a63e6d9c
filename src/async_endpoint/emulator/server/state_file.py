"""What a local AWS keeps of itself while it does not run: one JSON file, written when it ends.

The services of ministack keep theirs beside it, each in a file of its own, at the same moment.
"""

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FORMAT = 1


class StateRefused(Exception):
    """The kept state cannot be gone on from; the message says why, and what to do."""


@dataclass(frozen=True)
class StateFolder:
    """The part of a local AWS's folder that outlives its process.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def services(self) -> Path:
        """Where ministack keeps its services."""
        return self.path / "services"

    @property
    def objects(self) -> Path:
        """Where ministack keeps what lies in S3."""
        return self.path / "objects"

    @property
    def file(self) -> Path:
        """Where the rest is: SageMaker, Application Auto Scaling, metrics and AWS's clock."""
        return self.path / "sagemaker.json"

    @property
    def written_at(self) -> float:
        """When the state was last written, in epoch seconds; minus infinity where it never was."""
        try:
            return self.file.stat().st_mtime
        except FileNotFoundError:
            return -math.inf

    def load(self) -> dict[str, Any] | None:
        """What `save` wrote; None where nothing was saved.

        Raises:
            StateRefused: It is of another format, or damaged.
        """
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StateRefused(f"{self.file} is damaged ({error}): start with --fresh to forget it.") from error
        if not isinstance(kept, dict) or kept.get("format") != _FORMAT:
            raise StateRefused(f"{self.file} was written by another release: start with --fresh to forget it.")
        return kept

    def save(self, state: dict[str, Any]) -> None:
        """Replace what was kept; a process that ends in between leaves the old."""
        self.path.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps({"format": _FORMAT, **state}), encoding="utf-8")
        part.replace(self.file)

    def forget(self) -> None:
        """Delete all of it."""
        shutil.rmtree(self.path, ignore_errors=True)
