"""The saved state of a local AWS: one JSON file, written when its process stops.

ministack's services save theirs beside it, each in a file of its own, at the same moment.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from async_endpoint.replaced_file import partial_path, replacing

_FORMAT = 1
_QUEUE_URL = re.compile(r"http://localhost:\d+(?=/\d{12}/)")  # its host and port, before account and name


class StateError(Exception):
    """The saved state cannot be restored; the message is the reason and what to do."""


@dataclass(frozen=True)
class StateFolder:
    """The part of a local AWS's folder that outlives its process.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def services(self) -> Path:
        """The folder of ministack's services."""
        return self.path / "services"

    @property
    def objects(self) -> Path:
        """The folder of ministack's S3 objects."""
        return self.path / "objects"

    @property
    def file(self) -> Path:
        """The file of everything else: SageMaker, Application Auto Scaling, metrics and AWS's clock."""
        return self.path / "sagemaker.json"

    @property
    def is_complete(self) -> bool:
        """Whether the last process saved everything when it stopped."""
        return self._complete.exists()

    @property
    def _complete(self) -> Path:
        return self.path / "complete"

    def begin(self) -> None:
        """Notes that a process runs, which has not saved its state yet."""
        self._complete.unlink(missing_ok=True)

    def end(self) -> None:
        """Notes that the process has saved everything."""
        self._complete.touch()

    def load(self) -> dict[str, Any] | None:
        """Returns what `save` wrote; None when nothing was saved.

        Raises:
            StateError: The file has another format, or is damaged.
        """
        try:
            saved = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StateError(f"{self.file} is damaged ({error}): start with --fresh to delete it.") from error
        if not isinstance(saved, dict) or saved.get("format") != _FORMAT:
            raise StateError(f"{self.file} was written by another release: start with --fresh to delete it.")
        return saved

    def saved_port(self) -> int | None:
        """Returns the port that the URLs of the saved queues have; None if nothing was saved, or not with a port.

        Raises:
            StateError: As `load`.
        """
        return (self.load() or {}).get("port")

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the saved state; a process that dies meanwhile leaves the old one."""
        self.path.mkdir(parents=True, exist_ok=True)
        with replacing(self.file) as file:
            file.write(json.dumps({"format": _FORMAT, **state}).encode())

    def follow_port(self, port: int) -> int | None:
        """Gives the URLs of queues in the saved state the port on which they will be served.

        Queues are found by their URL: with another port's, event source mappings would find none. DynamoDB's items are
        the user's and stay.

        Returns:
            The port that the URLs had; None if they had this one, or nothing was saved.

        Raises:
            StateError: The saved state cannot be read.
        """
        saved = self.load()
        former = (saved or {}).get("port")
        if saved is None or former == port:
            return None
        for file in sorted(self.services.glob("*.json")):
            text = file.read_text(encoding="utf-8")
            moved = _QUEUE_URL.sub(f"http://localhost:{port}", text)
            if moved != text and file.stem != "dynamodb":
                with replacing(file) as opened:
                    opened.write(moved.encode())
        self.save(saved | {"port": port})
        return former

    def delete(self) -> None:
        """Deletes all of it.

        Raises:
            StateError: The folder has files that are not of a local AWS; nothing is deleted.
        """
        # The last one is of an earlier version.
        files = {self.file, self._complete, partial_path(self.file), self.file.with_suffix(".part")}
        own = {self.services, self.objects, *files}
        if not self.path.is_dir():
            return
        if foreign := sorted(path.name for path in self.path.iterdir() if path not in own):
            raise StateError(
                f"{self.path} has {foreign[0]}, which no local AWS wrote, and is not deleted: name another folder with "
                "--state-dir."
            )
        shutil.rmtree(self.path, ignore_errors=True)
