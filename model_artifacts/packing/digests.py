"""The digest of an archive's inputs, which names the archive. Unchanged files are not read again.

Every synth and diff needs the digest, and a model may have gigabytes. A file that was read is recognised by path, size,
times and inode. A change within the resolution of the file system's clock may leave all of them the same, so a file
that was changed just now is read each time: the rule of git's index, https://git-scm.com/docs/racy-git.
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

    from async_endpoint.protocol.packed_for import PackedFor
    from model_artifacts.packing.members import Member

# Part of the digest: increase it when the packing itself changes, or an archive of the old format would be reused.
FORMAT = "3"

# Reading a smaller file takes no longer than the lookup.
_CACHED_BYTES = 1_000_000
# Longer than the clock resolution of any file system with a checkout (FAT has 2 s).
_RACY_SECONDS = 3.0

Fingerprint = list[int]


def digest(members: Iterable[Member], packed_for: PackedFor, cache: Path) -> str:
    """Returns the SHA-256, in hex, of names and contents; times, modes and paths do not count.

    Args:
        members: The archive's members, sorted.
        packed_for: For which image the archive is.
        cache: The file of digests known so far; created, and safe to delete.

    Raises:
        ArchiveError: A file cannot be read.
    """
    known = _read(cache)
    seen: dict[str, tuple[Fingerprint, str]] = {}
    whole = hashlib.sha256(FORMAT.encode() + packed_for.to_json())
    for member in members:
        whole.update(f"\n{_file_digest(member.path, known, seen)} {member.name}".encode())
    if any(known.get(place) != entry for place, entry in seen.items()):
        _write(cache, known | seen)
    return whole.hexdigest()


def fingerprint(found: os.stat_result) -> Fingerprint:
    """Returns what stays the same while a file's content does, as far as the file system records it."""
    # The change time cannot be set: it reveals a file whose modification time was restored.
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev]


def _file_digest(
    path: Path, known: Mapping[str, tuple[Fingerprint, str]], seen: dict[str, tuple[Fingerprint, str]]
) -> str:
    place = str(path.absolute())
    try:
        with path.open("rb") as content:
            before = os.fstat(content.fileno())
            large = before.st_size >= _CACHED_BYTES
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


def _read(cache: Path) -> dict[str, tuple[Fingerprint, str]]:
    """Returns the digests known so far; none if the cache cannot be read."""
    with suppress(OSError, ValueError, TypeError, AttributeError, LookupError):
        table = json.loads(cache.read_text(encoding="utf-8"))
        return {place: (entry[0], str(entry[1])) for place, entry in table.items()}
    return {}


def _write(cache: Path, entries: Mapping[str, tuple[Fingerprint, str]]) -> None:
    """Replaces the file atomically; of two writers at once, one may lose entries."""
    kept = {place: entry for place, entry in sorted(entries.items()) if Path(place).is_file()}
    with suppress(OSError):  # a read-only checkout can synthesise too, and reads everything each time
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=cache.parent, delete=False, encoding="utf-8") as draft:
            json.dump(kept, draft, indent=1)
        Path(draft.name).replace(cache)
