"""The documents of a folder, and one line about the rest."""

import time
from pathlib import Path

import pytest

from async_endpoint.client import FolderError, find_documents


def test_what_is_left_out_is_counted_by_kind(tmp_path: Path) -> None:
    for name in ("a.jfif", "b.JPE", "c.HEIC", "notes.txt", "more.txt", "README", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere")

    found = find_documents(tmp_path)

    assert [path.name for path in found.documents] == ["a.jfif", "b.JPE", "c.HEIC"]
    sentence = found.left_out_sentence()
    assert sentence is not None
    assert sentence.startswith("6 entries left out: 2 .txt, ")
    for kind in ("1 without a suffix", "1 hidden", "1 folder", "1 broken link"):
        assert kind in sentence
    assert sentence.endswith("; choose by --pattern.")


def test_a_folder_of_documents_alone_needs_no_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert find_documents(tmp_path).left_out_sentence() is None


@pytest.mark.parametrize("pattern", ["", ".", "./.", "/scans/*.png", "../*.png", "sub/../*.png"])
def test_a_pattern_is_one_below_the_folder(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(FolderError, match="the pattern is one below"):
        find_documents(tmp_path, pattern=pattern)


def test_a_path_that_a_pattern_finds_twice_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "x" / "y" / "a.png").touch()
    assert len(find_documents(tmp_path, pattern="**/**/*.png").documents) == 1


def test_many_paths_are_found_quickly(tmp_path: Path) -> None:
    for number in range(5_000):
        (tmp_path / f"{number}.png").touch()
    began = time.process_time()
    assert len(find_documents(tmp_path).documents) == 5_000
    assert time.process_time() - began < 3


def test_a_name_that_the_system_rejects_is_a_sentence() -> None:
    with pytest.raises(FolderError, match=r"^x+ cannot be read: File name too long\.$"):
        find_documents(Path("x" * 300))
