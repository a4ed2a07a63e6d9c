import io
import tarfile
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.archive import unpack
from async_endpoint.emulator.containers.errors import ArchiveRejected
from tests.emulator.containers.helpers import write_archive


def write_members(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b""))
    return path


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_files_land_below_the_target(tmp_path: Path) -> None:
    archive = write_archive(
        tmp_path / "model.tar.gz", {"code/inference.py": "x = 1\n", "my_model/model.pth": "weights"}
    )
    unpack(archive, tmp_path / "ml" / "model")
    assert (tmp_path / "ml/model/code/inference.py").read_text() == "x = 1\n"
    assert (tmp_path / "ml/model/my_model/model.pth").read_text() == "weights"


def test_a_symbolic_link_is_rejected_as_by_sagemaker(tmp_path: Path) -> None:
    archive = write_members(tmp_path / "model.tar.gz", link("model.pth", "other.pth", tarfile.SYMTYPE))
    with pytest.raises(ArchiveRejected, match=r"symbolic link model\.pth, which SageMaker rejects"):
        unpack(archive, tmp_path / "model")


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("../outside"),
        link("inside", "../outside", tarfile.LNKTYPE),
        link("device", "", tarfile.CHRTYPE),
    ],
    ids=["path", "hard link", "device"],
)
def test_a_member_outside_the_target_is_rejected(tmp_path: Path, member: tarfile.TarInfo) -> None:
    (tmp_path / "outside").write_text("untouched")
    archive = write_members(tmp_path / "model.tar.gz", member)
    with pytest.raises(ArchiveRejected, match=r"model.tar.gz holds a member that may not be unpacked"):
        unpack(archive, tmp_path / "model")
    assert (tmp_path / "outside").read_text() == "untouched"
    assert list((tmp_path / "model").iterdir()) == []


def test_a_truncated_archive_is_rejected(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "model.tar.gz", {"a": "b" * 100_000})
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(ArchiveRejected, match="not a complete gzip'd tar file"):
        unpack(archive, tmp_path / "model")


def test_a_file_that_is_not_an_archive_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_text("{}")
    with pytest.raises(ArchiveRejected, match="not a complete gzip'd tar file"):
        unpack(tmp_path / "model.tar.gz", tmp_path / "model")


def test_a_missing_file_stays_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        unpack(tmp_path / "model.tar.gz", tmp_path / "model")
