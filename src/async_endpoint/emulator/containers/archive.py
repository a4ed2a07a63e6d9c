"""Unpacking model.tar.gz as SageMaker does: plain files and folders only."""

import tarfile
import zlib
from pathlib import Path

from async_endpoint.emulator.containers.errors import ArchiveRefused


def unpack(archive: Path, target: Path) -> None:
    """Unpack a model archive into `target`, which is made.

    Raises:
        ArchiveRefused: It is no gzip'd tar file, is cut short, holds a symbolic link (SageMaker refuses those), or a
            member that would land outside of `target` or is a device.
    """

    def plain(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
        if member.issym():
            raise ArchiveRefused(
                f"{archive.name} holds the symbolic link {member.name}, which SageMaker refuses: pack the file itself."
            )
        return tarfile.data_filter(member, path)

    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(target, filter=plain)  # noqa: S202 - `plain` checks each member
    except tarfile.FilterError as error:
        raise ArchiveRefused(f"{archive.name} holds a member that may not be unpacked: {error}.") from error
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's trouble, not the archive's
        raise ArchiveRefused(f"{archive.name} is no complete gzip'd tar file: {error}.") from error
