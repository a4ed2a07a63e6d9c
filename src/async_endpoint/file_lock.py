"""A lock on a file that dies with its process, however the process ends."""

from __future__ import annotations

import errno
from typing import IO, Any


def try_lock(file: IO[Any]) -> bool:
    """Locks an open file; returns False if another process, or another open file, holds the lock.

    Closing the file releases the lock.

    Raises:
        OSError: The platform or the file system has no such locks.
    """
    try:
        import fcntl  # noqa: PLC0415 - Windows has none, where all that locks no file works
    except ModuleNotFoundError:
        raise OSError(errno.ENOTSUP, "a lock needs Linux or macOS; on Windows, use WSL") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
