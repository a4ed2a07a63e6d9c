"""A file that is written beside its place, and put there when it is complete."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from async_endpoint.client.errors import OutputError, OutputInUse
from async_endpoint.client.file_lock import try_lock

if TYPE_CHECKING:
    from pathlib import Path


class ReplacedFile:
    """Writes to `FILE.partial` and renames it over FILE; a pipe or a device is written directly.

    Args:
        path: FILE. A link is followed.

    Attributes:
        path: As given.
        file: Takes the content.

    Raises:
        OutputInUse: Another process writes the same FILE.
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target = path.resolve()
        self._is_special = self._target.exists() and not self._target.is_file()
        self._partial = self._target.with_name(f"{self._target.name}.partial")
        self.file: IO[bytes] = self._target.open("wb") if self._is_special else self._open()

    def publish(self, *, replace: bool) -> bool:
        """Puts the file in its place, unless it is empty; returns whether it is there now.

        Args:
            replace: Whether an older file may be replaced.

        Raises:
            OutputError: The file cannot be written or renamed.
        """
        try:
            self.file.flush()
            if self._is_special:
                return True
            if self.file.tell() == 0 or (self._target.exists() and not replace):
                return False
            self._partial.replace(self._target)
        except OSError as error:
            raise self.unwritable(error) from error
        return True

    def close(self) -> None:
        """Closes the file and removes what was not put in its place."""
        with suppress(OSError):  # of a full disk: what could not be written was reported before
            if not self._is_special and self._is_mine():
                self._partial.unlink()
            self.file.close()

    def unwritable(self, error: OSError) -> OutputError:
        """Returns the error to raise where the file cannot be written."""
        return OutputError(f"{self.path} cannot be written: {error.strerror}.")

    def _open(self) -> IO[bytes]:
        while True:
            file = self.file = self._partial.open("ab")
            if not try_lock(file):
                file.close()
                raise OutputInUse(f"Another run is writing {self.path}: choose another --output, or wait for it.")
            if self._is_mine():
                file.truncate(0)
                return file
            file.close()  # the other run has just renamed it

    def _is_mine(self) -> bool:
        """Returns whether the file at the partial's place is the open one."""
        try:
            return os.path.samestat(os.fstat(self.file.fileno()), self._partial.stat())
        except FileNotFoundError:
            return False
