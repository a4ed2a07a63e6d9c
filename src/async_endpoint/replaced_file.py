"""A file that is written beside its place, and put there when it is complete."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import closing, contextmanager, suppress
from typing import IO, TYPE_CHECKING

from async_endpoint.file_lock import try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ReplacedFile:
    """Writes to `FILE.partial` and renames it over FILE; a pipe or a device is written directly.

    An older FILE gives the new one its permissions.

    Args:
        path: FILE. A link is followed.

    Attributes:
        file: Takes the content.

    Raises:
        BlockingIOError: Another process writes the same FILE.
        OSError: The file cannot be opened, or its file system has no locks: two processes could mix their content.
    """

    def __init__(self, path: Path) -> None:
        self._target = path.resolve()
        self._is_special = self._target.exists() and not self._target.is_file()
        self._partial = partial_path(self._target)
        self.file: IO[bytes] = self._target.open("wb") if self._is_special else self._open()

    def publish(self, *, replace: bool = True) -> bool:
        """Puts the file in its place, unless it is empty; returns whether it is there now.

        Args:
            replace: Whether an older file may be replaced.

        Raises:
            OSError: The file cannot be written or renamed.
        """
        self.file.flush()
        if self._is_special:
            return True
        if self.file.tell() == 0 or (self._target.exists() and not replace):
            return False
        with suppress(FileNotFoundError):
            self._partial.chmod(stat.S_IMODE(self._target.stat().st_mode))
        self._partial.replace(self._target)
        return True

    def close(self) -> None:
        """Closes the file and removes what was not put in its place."""
        with suppress(OSError):  # of a full disk: what could not be written was reported before
            if not self._is_special and self._is_mine():
                self._partial.unlink()
            self.file.close()

    def _open(self) -> IO[bytes]:
        while True:
            file = self.file = self._partial.open("ab")
            try:
                is_locked = try_lock(file)
            except OSError:
                file.close()
                raise
            if not is_locked:
                file.close()
                raise BlockingIOError(errno.EAGAIN, "another process is writing it")
            if self._is_mine():
                file.truncate(0)
                with suppress(FileNotFoundError):  # its content is never more open than that of an older file
                    self._partial.chmod(stat.S_IMODE(self._target.stat().st_mode) | stat.S_IWUSR)
                return file
            file.close()  # the other process has just renamed it

    def _is_mine(self) -> bool:
        """Returns whether the file at the partial's place is the open one."""
        try:
            return os.path.samestat(os.fstat(self.file.fileno()), self._partial.stat())
        except FileNotFoundError:
            return False


def partial_path(path: Path) -> Path:
    """Returns where the new content of a file is until it is complete."""
    return path.with_name(f"{path.name}.partial")


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yields a file that takes the place of another one when the block ends without an error.

    Raises:
        BlockingIOError: Another process writes it.
        OSError: It cannot be written.
    """
    with closing(ReplacedFile(path)) as replaced:
        yield replaced.file
        replaced.publish()
