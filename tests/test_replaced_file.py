"""A file is replaced whole or not at all, and nothing is left beside it."""

import errno
import stat
import sys
from pathlib import Path

import pytest

from async_endpoint.replaced_file import ReplacedFile, partial_path, replacing


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o664])
def test_a_file_keeps_its_permissions_and_its_content_is_never_more_open(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(mode)

    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
        assert stat.S_IMODE(partial_path(path).stat().st_mode) == mode | stat.S_IWUSR

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out"
    partial_path(path).write_bytes(b"much longer than the new content")

    with replacing(path) as file:
        file.write(b"new")

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_one_writer_at_a_time(tmp_path: Path) -> None:
    first = ReplacedFile(tmp_path / "out")
    with pytest.raises(BlockingIOError, match="another process is writing it"):
        ReplacedFile(tmp_path / "out")
    first.close()
    ReplacedFile(tmp_path / "out").close()


def test_where_no_file_can_be_locked_none_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").write_bytes(b"old")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(OSError, match="a lock needs Linux or macOS"), replacing(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_bytes() == b"old"
