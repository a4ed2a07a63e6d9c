"""The name of an archive: a digest of what goes in, without reading again what has not changed.

A synth and a diff ask for it each time, and a model may have gigabytes. What was read once is known by place, size,
times and inode. A file that changed within the clock's grain may look the same afterwards, so that one which is that
young is read each time: the rule of git's index, https://git-scm.com/docs/racy-git.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from model_artifacts.packing.members import Member

# Part of the digest: raise it when the packing itself changes, or an archive of the old form would be reused.
FORMAT = "2"

# Smaller files are read as fast as they are looked up.
_LEAST_BYTES = 1_000_000
# Coarser than the times of any file system that a checkout is on (FAT has 2 s).
_RACY_SECONDS = 3.0

Print = list[int]


def digest(members: Iterable[Member], cache: Path) -> str:
    """SHA-256, in hex, over names and contents; times, modes and place do not count.

    Args:
        members: What goes in, sorted.
        cache: File of the digests known so far; made, and without harm lost.

    Raises:
        ArchiveError: A file cannot be read.
    """
    known = _read(cache)
    seen: dict[str, tuple[Print, str]] = {}
    whole = hashlib.sha256(FORMAT.encode())
    for member in members:
        whole.update(f"\n{_of(member.path, known, seen)} {member.name}".encode())
    if any(known.get(place) != entry for place, entry in seen.items()):
        _write(cache, known | seen)
    return whole.hexdigest()


def fingerprint(found: os.stat_result) -> Print:
    """What is the same as long as a file's content is, as far as the file system tells."""
    # The change time, which nobody can set, gives away a file whose modification time was put back.
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev]


def _of(path: Path, known: Mapping[str, tuple[Print, str]], seen: dict[str, tuple[Print, str]]) -> str:
    place = str(path.absolute())
    try:
        with path.open("rb") as content:
            before = os.fstat(content.fileno())
            large = before.st_size >= _LEAST_BYTES
            if large and place in known and known[place][0] == fingerprint(before):
                seen[place] = known[place]
                return known[place][1]
            started = time.time()
            found = hashlib.file_digest(content, "sha256").hexdigest()
            after = os.fstat(content.fileno())
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}.") from error
    youngest = max(before.st_mtime, before.st_ctime)
    if large and fingerprint(before) == fingerprint(after) and youngest + _RACY_SECONDS < started:
        seen[place] = (fingerprint(before), found)
    return found


def _read(cache: Path) -> dict[str, tuple[Print, str]]:
    """The digests known so far; a cache that cannot be read knows none."""
    with suppress(OSError, ValueError, TypeError, AttributeError, LookupError):
        table = json.loads(cache.read_text(encoding="utf-8"))
        return {place: (entry[0], str(entry[1])) for place, entry in table.items()}
    return {}


def _write(cache: Path, entries: Mapping[str, tuple[Print, str]]) -> None:
    """Puts a new file in the place of the old; two at once lose entries of one, never the file."""
    kept = {place: entry for place, entry in sorted(entries.items()) if Path(place).is_file()}
    with suppress(OSError):  # a read-only checkout synthesises too, and reads everything each time
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=cache.parent, delete=False, encoding="utf-8") as draft:
            json.dump(kept, draft, indent=1)
        Path(draft.name).replace(cache)
