"""A lock on a file that dies with its process, however the process ends."""

from __future__ import annotations

import sys
from typing import IO, Any


def try_lock(file: IO[Any]) -> bool:
    """Locks an open file; returns False if another process, or another open file, holds the lock.

    Closing the file releases the lock.
    """
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - of this platform alone

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - not of every platform

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
