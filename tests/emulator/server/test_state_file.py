"""The saved state: one file, replaced as a whole, and rejected when it cannot be read."""

from pathlib import Path

import pytest

from async_endpoint.emulator.server.state_file import StateError, StateFolder


def test_the_file_holds_what_was_saved_last(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "kept")
    assert folder.load() is None
    folder.save({"clock": 1.5})
    folder.save({"clock": 2.5})
    assert (folder.load() or {})["clock"] == 2.5
    assert [path.name for path in folder.path.iterdir()] == ["sagemaker.json"]
    folder.delete()
    assert folder.load() is None


def test_a_folder_that_holds_something_else_is_not_deleted(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "kept")
    folder.save({})
    (folder.path / "letters").mkdir()
    with pytest.raises(StateError, match="has letters, which no local AWS wrote, and is not deleted: name another"):
        folder.delete()
    assert {path.name for path in folder.path.iterdir()} == {"letters", "sagemaker.json"}


@pytest.mark.parametrize(("text", "why"), [("{", "is damaged"), ('{"format": 0}', "by another release"), ("[]", "by")])
def test_a_file_that_cannot_be_read_is_an_error_with_the_remedy(tmp_path: Path, text: str, why: str) -> None:
    folder = StateFolder(tmp_path)
    folder.file.write_text(text, encoding="utf-8")
    with pytest.raises(StateError, match=f"{why}.*start with --fresh to delete it"):
        folder.load()
