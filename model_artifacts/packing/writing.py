"""Writes model.tar.gz: equal members give equal bytes, on any machine at any time.

First comes the file that says for which image the archive is: it is read from an archive in S3 without the rest.

Weights hardly shrink at any level: python-isal's level 1 saves 8 % of fp32 weights at some hundred MB a second; zlib's
level 9, tarfile's default, saves the same at a twentieth of the speed.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from async_endpoint.protocol.packed_for import PACKED_FOR, PackedFor
from model_artifacts.packing import digests
from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_artifacts.packing.members import Member

_CHUNK_BYTES = 1024 * 1024
_QUIET_SECONDS = 1.0
_MEGABYTE = 1_000_000


def write(members: Iterable[Member], packed_for: PackedFor, archive: Path) -> None:
    """Writes the archive atomically; two processes may write the same archive at once.

    Reports progress on standard error if packing takes longer than a second.

    Raises:
        ArchiveError: A file cannot be read or changes during packing, or the disk is full.
    """
    ordered = sorted(members)
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=archive.parent, delete=False) as draft:
            try:
                progress = _Progress(sum(each.path.stat().st_size for each in ordered))
                _fill(cast("BinaryIO", draft), packed_for.to_json(), ordered, progress)
                draft.flush()
            except BaseException:
                Path(draft.name).unlink()
                raise
        Path(draft.name).replace(archive)
    except OSError as error:
        raise ArchiveError(_reason(error, archive)) from error


def _fill(draft: BinaryIO, first: bytes, members: list[Member], progress: _Progress) -> None:
    try:
        igzip = importlib.import_module("isal.igzip")  # a synth needs none
    except ModuleNotFoundError:
        raise ArchiveError(
            "python-isal, which compresses the archive, is not installed; run pip install -r requirements.txt."
        ) from None
    with (
        igzip.IGzipFile(filename="", fileobj=draft, mode="wb", compresslevel=1, mtime=0) as zipped,
        tarfile.TarFile(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT, copybufsize=_CHUNK_BYTES) as tar,
    ):
        tar.addfile(_entry(PACKED_FOR, len(first)), io.BytesIO(first))
        for member in members:
            with member.path.open("rb") as content:
                before = os.fstat(content.fileno())
                tar.addfile(_entry(member.name, before.st_size), cast("IO[bytes]", progress.count_reads(content)))
                if digests.fingerprint(before) != digests.fingerprint(os.fstat(content.fileno())):
                    raise ArchiveError(f"{member.path} changed during packing; pack again when it no longer changes.")


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """Returns a member's header; all but name and size is the same on every machine (mtime, uid and gid are 0)."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o644
    return entry


def _reason(error: OSError, archive: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"{archive.parent} has no space left for {archive.name}; free disk space there."
    if error.errno is None:  # tarfile read less than the size in the header
        return f"A file of {archive.name} became shorter during packing; pack again when it no longer changes."
    if error.filename is None:
        return f"{archive} cannot be written: {error.strerror}."
    return f"{error.filename} cannot be read or written: {error.strerror}."


class _Progress:
    """Reports every second how much is packed."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._next = time.monotonic() + _QUIET_SECONDS

    def count_reads(self, content: BinaryIO) -> _CountedFile:
        """Returns the file, with its reads counted."""
        return _CountedFile(content, self)

    def add(self, count: int) -> None:
        """Counts bytes that were packed."""
        self._done += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _QUIET_SECONDS
            sys.stderr.write(f"Packing: {self._done // _MEGABYTE} of {self._total // _MEGABYTE} MB.\n")


class _CountedFile:
    """A file whose reads are counted; tarfile uses nothing but `read`."""

    def __init__(self, content: BinaryIO, progress: _Progress) -> None:
        self._content = content
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        """Reads as the file does."""
        data = self._content.read(size)
        self._progress.add(len(data))
        return data
