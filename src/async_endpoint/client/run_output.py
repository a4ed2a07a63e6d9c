"""The file of a run's results."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from async_endpoint.client.errors import OutputError, OutputInUse
from async_endpoint.replaced_file import ReplacedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class LineWriter(Protocol):
    """Takes the lines of a run."""

    def write(self, *lines: str) -> None:
        """Takes lines."""

    def publish(self, lines: Iterable[str], *, replace: bool) -> bool:
        """Takes the last lines; returns whether a file has all of them now."""

    def close(self) -> None:
        """Takes no more lines."""


class NoOutput:
    """For a run without a file of results: its ticket has the lines."""

    def write(self, *lines: str) -> None:
        """Does nothing: the ticket has them."""

    def publish(self, lines: Iterable[str], *, replace: bool) -> bool:
        """Returns False: no file has the lines."""
        del lines, replace
        return False

    def close(self) -> None:
        """Does nothing."""


class RunOutput:
    """Writes lines to `OUTPUT.partial` and renames it over OUTPUT; a pipe or a device gets its lines directly.

    Args:
        path: OUTPUT.

    Raises:
        OutputInUse: Another run has the same OUTPUT.
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._replaced = ReplacedFile(path)
        except BlockingIOError as error:
            raise OutputInUse(f"Another run is writing {path}: choose another --output, or wait for it.") from error

    def write(self, *lines: str) -> None:
        """Writes lines, all at once.

        Raises:
            OutputError: The disk is full, for example.
        """
        with self._errors():
            self._replaced.file.write("".join(f"{line}\n" for line in lines).encode("ascii"))
            self._replaced.file.flush()

    def publish(self, lines: Iterable[str], *, replace: bool) -> bool:
        """Writes the last lines and puts the file in its place; returns whether it is there now.

        Args:
            lines: The lines that are still missing.
            replace: Whether an older file may be replaced.

        Raises:
            OutputError: The file cannot be written or renamed.
        """
        for line in lines:
            self.write(line)
        with self._errors():
            return self._replaced.publish(replace=replace)

    def close(self) -> None:
        """Closes the file and removes what was not put in its place."""
        self._replaced.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error.strerror}.") from error
