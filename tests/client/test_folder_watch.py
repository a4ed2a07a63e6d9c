"""A file of a watched folder is found once, when it is complete."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from async_endpoint.client import FolderError, FolderWatch

if TYPE_CHECKING:
    from pathlib import Path


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_file_is_complete_when_a_look_finds_it_as_the_look_before(tmp_path: Path) -> None:
    watch, path = FolderWatch(tmp_path, None), tmp_path / "a.png"
    assert watch.look() == []
    for content in (b"1", b"12"):
        path.write_bytes(content)
        assert watch.look() == []
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))  # the same size, written again
    assert watch.look() == []

    assert watch.look() == [path]
    path.write_bytes(b"123")
    assert watch.look() == watch.look() == []


def test_an_empty_file_is_not_complete_and_one_that_goes_is_forgotten(tmp_path: Path) -> None:
    watch, path = FolderWatch(tmp_path, None), tmp_path / "a.png"
    path.touch()
    assert watch.look() == watch.look() == []
    path.write_bytes(b"1")
    os.utime(path, ns=(0, 0))
    assert watch.look() == []
    path.unlink()
    assert watch.look() == []
    path.write_bytes(b"1")
    os.utime(path, ns=(0, 0))

    assert watch.look() == []
    assert watch.look() == [path]


def test_only_documents_count_and_they_are_sorted(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("b.png", "a.png", "notes.txt", ".hidden.png", "more/c.png"):
        (tmp_path / name).write_bytes(b"x")
    watch, below = FolderWatch(tmp_path, None), FolderWatch(tmp_path, "**/*.png")
    assert watch.look() == below.look() == []

    assert names(watch.look()) == ["a.png", "b.png"]
    assert names(below.look()) == ["a.png", "b.png", "c.png"]


def test_a_folder_that_goes_is_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    watch = FolderWatch(folder, None)
    watch.look()
    folder.rmdir()

    with pytest.raises(FolderError, match="inbox cannot be read: No such file or directory"):
        watch.look()
