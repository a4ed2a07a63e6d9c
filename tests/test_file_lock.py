"""A lock on a file: where there is none, an error says so."""

import sys
from pathlib import Path

import pytest

from async_endpoint.file_lock import try_lock


def test_an_open_file_is_locked_once_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("ab") as first, path.open("ab") as second:
        assert (try_lock(first), try_lock(second)) == (True, False)
        first.close()
        assert try_lock(second)


def test_a_platform_without_locks_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with (
        (tmp_path / "lock").open("ab") as file,
        pytest.raises(OSError, match="needs Linux or macOS; on Windows, use WSL"),
    ):
        try_lock(file)
