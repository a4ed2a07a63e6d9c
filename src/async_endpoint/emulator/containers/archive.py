"""Unpacking model.tar.gz as SageMaker does: plain files and folders only."""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from async_endpoint.emulator.containers.errors import ArchiveRejected


def unpack(archive: Path, target: Path) -> None:
    """Unpacks a model archive into `target`, which is made.

    Raises:
        ArchiveRejected: It is not a gzip'd tar file, is cut short, holds a symbolic link (which SageMaker rejects), a
            device, or a member that would be written outside of `target`.
    """
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(target, members=_without_links(tar, archive.name), filter="data")
    except tarfile.FilterError as error:
        raise ArchiveRejected(f"{archive.name} holds a member that may not be unpacked: {error}.") from error
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # an error of the disk, not of the archive
        raise ArchiveRejected(f"{archive.name} is not a complete gzip'd tar file: {error}.") from error


def _without_links(tar: tarfile.TarFile, name: str) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        if member.issym():
            raise ArchiveRejected(
                f"{name} holds the symbolic link {member.name}, which SageMaker rejects: pack the file itself."
            )
        yield member
