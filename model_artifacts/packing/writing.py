"""Writes model.tar.gz: equal members give equal bytes, wherever and whenever.

Weights hardly shrink, whatever the effort: python-isal's level 1 takes 8 % off fp32 weights at some hundred MB a
second, where zlib's level 9, which tarfile has by default, takes off the same at a twentieth of the speed.
"""

from __future__ import annotations

import errno
import os
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from model_artifacts.packing import digests
from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_artifacts.packing.members import Member

_CHUNK_BYTES = 1024 * 1024
_QUIET_SECONDS = 1.0
_MEGABYTE = 1_000_000


def write(members: Iterable[Member], archive: Path) -> None:
    """Writes the archive; a reader sees the whole of it or nothing, and two may write the same one at once.

    Says on standard error how far it is, once that takes more than a second.

    Raises:
        ArchiveError: A file cannot be read or changes meanwhile, or the disk is full.
    """
    ordered = sorted(members)
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=archive.parent, delete=False) as draft:
            try:
                _fill(cast("BinaryIO", draft), ordered, _Progress(sum(each.path.stat().st_size for each in ordered)))
                draft.flush()
            except BaseException:
                Path(draft.name).unlink()
                raise
        Path(draft.name).replace(archive)
    except OSError as error:
        raise ArchiveError(_reason(error, archive)) from error


def _fill(draft: BinaryIO, members: list[Member], progress: _Progress) -> None:
    try:
        from isal import igzip  # noqa: PLC0415 - a synth needs none, and packs nothing
    except ModuleNotFoundError:
        raise ArchiveError(
            "python-isal, which compresses the archive, is not installed; run pip install -r requirements.txt."
        ) from None
    with (
        igzip.IGzipFile(  # type: ignore[no-untyped-call]
            filename="", fileobj=draft, mode="wb", compresslevel=1, mtime=0
        ) as zipped,
        tarfile.TarFile(
            fileobj=cast("IO[bytes]", zipped), mode="w", format=tarfile.PAX_FORMAT, copybufsize=_CHUNK_BYTES
        ) as tar,
    ):
        for member in members:
            with member.path.open("rb") as content:
                before = os.fstat(content.fileno())
                tar.addfile(_entry(member.name, before.st_size), cast("IO[bytes]", progress.watching(content)))
                if digests.fingerprint(before) != digests.fingerprint(os.fstat(content.fileno())):
                    raise ArchiveError(f"{member.path} changed while it was packed; run it again when that is over.")


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """A member's header: everything but name and size is the same on every machine (mtime, uid and gid are 0)."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o644
    return entry


def _reason(error: OSError, archive: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"{archive.parent} has no room left for {archive.name}; free some of its disk."
    if error.errno is None:  # tarfile found less than the size that the header has
        return f"A file of {archive.name} became shorter while it was packed; run it again when that is over."
    if error.filename is None:
        return f"{archive} cannot be written: {error.strerror}."
    return f"{error.filename} cannot be read or written: {error.strerror}."


class _Progress:
    """Says each second how much was packed, from the first second on."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._next = time.monotonic() + _QUIET_SECONDS

    def watching(self, content: BinaryIO) -> _Watched:
        """The file, whose reading counts."""
        return _Watched(content, self)

    def add(self, count: int) -> None:
        """Bytes that were packed by now."""
        self._done += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _QUIET_SECONDS
            sys.stderr.write(f"Packing: {self._done // _MEGABYTE} of {self._total // _MEGABYTE} MB.\n")


class _Watched:
    """A file whose reader is told of; tarfile asks for no more than `read`."""

    def __init__(self, content: BinaryIO, progress: _Progress) -> None:
        self._content = content
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        """As the file's own."""
        data = self._content.read(size)
        self._progress.add(len(data))
        return data
