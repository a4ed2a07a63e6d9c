"""The file of a run's results: written beside its place, and put there when it has lines."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Protocol

from async_endpoint.client.errors import OutputError, OutputInUse
from async_endpoint.client.file_lock import try_lock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class LineWriter(Protocol):
    """Takes the lines of a run."""

    def write(self, line: str) -> None:
        """Takes a line."""

    def publish(self, lines: Iterable[str], *, replace: bool) -> bool:
        """Takes the last lines; returns whether a file has all of them now."""

    def close(self) -> None:
        """Takes no more lines."""


class NoOutput:
    """For a run without a file of results: its ticket has the lines."""

    def write(self, line: str) -> None:
        """Does nothing."""

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
        self.path = path
        self._target = path.resolve()
        self._is_special = self._target.exists() and not self._target.is_file()
        self._partial = self._target.with_name(f"{self._target.name}.partial")
        if self._is_special:
            self._file: IO[str] = self._target.open("w", encoding="ascii")
            return
        self._file = self._open()

    def write(self, line: str) -> None:
        """Writes a line.

        Raises:
            OutputError: The disk is full, for example.
        """
        try:
            self._file.write(f"{line}\n")
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from error

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
        if self._is_special:
            return True
        if self._file.tell() == 0 or (self._target.exists() and not replace):
            return False
        try:
            self._partial.replace(self._target)
        except OSError as error:
            raise self._unwritable(error) from error
        return True

    def close(self) -> None:
        """Closes the file and removes what was not put in its place."""
        with suppress(OSError):  # of a full disk: what could not be written was reported by `write`
            if not self._is_special and self._is_mine():
                self._partial.unlink()
            self._file.close()

    def _open(self) -> IO[str]:
        while True:
            file = self._partial.open("a", encoding="ascii")
            self._file = file
            if not try_lock(file):
                file.close()
                raise OutputInUse(f"Another run is writing {self.path}: choose another --output, or wait for it.")
            if self._is_mine():
                file.truncate(0)
                return file
            file.close()  # the other run has just renamed it

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path} cannot be written: {error.strerror}.")

    def _is_mine(self) -> bool:
        """Returns whether the file at the partial's place is the open one."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._partial.stat())
        except FileNotFoundError:
            return False
