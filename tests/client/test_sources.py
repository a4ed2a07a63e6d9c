"""What a user names becomes documents, each once: files, folders, patterns, lists, and objects in S3."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from async_endpoint.client import FolderError, InMemoryTransport, Sources, StorageError, find_sources
from async_endpoint.protocol import S3Location


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`scans` with two images at its top and one below, in the working directory."""
    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    for name in ("b.png", "a.png", "more/c.png"):
        (folder / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return folder


def names(sources: Sources) -> list[str]:
    """Returns the documents, files relative to the working directory."""
    return [
        document.relative_to(Path.cwd()).as_posix() if isinstance(document, Path) else document.uri
        for document in sources.documents
    ]


def in_bucket(*keys: str, page_size: int = 1000) -> InMemoryTransport:
    transport = InMemoryTransport(lambda _, document: document, page_size=page_size)
    for key in keys:
        transport.put(S3Location("inputs", key), b"x")
    return transport


def test_a_pattern_finds_files_alone_and_sorted(folder: Path) -> None:
    assert names(find_sources(["scans/*"])) == ["scans/a.png", "scans/b.png"]
    assert names(find_sources([f"{folder}/**/[ac].png"])) == ["scans/a.png", "scans/more/c.png"]


def test_a_file_whose_name_is_a_pattern_is_that_file(folder: Path) -> None:
    (folder / "[ab].png").write_bytes(b"x")

    assert names(find_sources(["scans/[ab].png"])) == ["scans/[ab].png"]


def test_a_folder_has_its_documents_and_says_what_else_it_has(folder: Path) -> None:
    for name in ("notes.txt", ".hidden.png"):
        (folder / name).write_bytes(b"x")

    found = find_sources(["scans", "scans/more"])

    assert names(found) == ["scans/a.png", "scans/b.png", "scans/more/c.png"]
    assert found.left_out == {".txt": 1, "hidden": 1, "folder": 1}
    sentence = found.left_out_sentence()
    assert sentence is not None
    assert sentence.startswith("3 entries left out: ")
    assert names(find_sources(["scans"], pattern="*.txt")) == ["scans/notes.txt"]


def test_a_document_that_is_named_twice_is_one_in_the_place_of_the_first(folder: Path) -> None:
    named = ["scans/b.png", "scans", f"{folder}/b.png", "scans/more/../a.png", "./scans/*.png", "-"]

    assert names(find_sources(named, listed=[b"scans/a.png\n", b"s3://inputs/a.png\n"] * 2)) == [
        "scans/b.png",
        "scans/a.png",
        "s3://inputs/a.png",
    ]


def test_a_folder_behind_a_link_has_the_same_documents_and_a_link_to_a_file_is_another(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    (folder.parent / "copy.png").symlink_to(folder / "a.png")

    assert names(find_sources(["scans/a.png", "link/a.png", "copy.png"])) == ["scans/a.png", "copy.png"]


def test_a_list_has_a_source_a_line_verbatim(folder: Path) -> None:
    (folder / "a b*.png").write_bytes(b"x")
    strange = os.fsencode(folder) + b"/caf\xe9.png"
    Path(os.fsdecode(strange)).write_bytes(b"x")
    lines = [b"\n", b"scans/a b*.png\r\n", b"\r\n", b"scans/more\n", b"s3://inputs/docs/\n", strange]

    assert [os.fsencode(str(document)) for document in find_sources(["-"], listed=lines).documents] == [
        os.fsencode(folder) + b"/a b*.png",
        os.fsencode(folder) + b"/more/c.png",
        b"s3://inputs/docs/",
        strange,
    ]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "The standard input names no document"),
        ([b"\n", b"\r\n"], "The standard input names no document"),
        ([b"scans/a.png\n", b"scans/none.png\n"], "There is no file and no folder scans/none.png"),
        ([b"scans/*.png\n"], r"There is no file and no folder scans/\*.png"),
        ([b"s3://x/a.png\n"], "'x' is not a bucket name"),
        ([b"s3://\n"], "'' is not a bucket name"),
        ([b"https://example.com/a.png\n"], "is not a URL of S3"),
    ],
)
def test_a_line_that_names_no_document_is_a_sentence(lines: list[bytes], sentence: str) -> None:
    with pytest.raises(FolderError, match=sentence):
        find_sources(["-"], listed=lines)


def test_what_is_neither_a_file_nor_a_folder_is_a_sentence(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")

    with pytest.raises(FolderError, match=r"scans/pipe\.png is not a regular file"):
        find_sources(["scans/pipe.png"])


@pytest.mark.parametrize("method", ["is_dir", "exists"])
def test_what_cannot_be_looked_at_is_a_sentence(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def deny(_: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with pytest.raises(FolderError, match=r"^x+ cannot be read: File name too long\.$"):
        find_sources(["x" * 300])
    monkeypatch.setattr(Path, method, deny)
    with pytest.raises(FolderError, match=r"^scans/a\.png cannot be read: Permission denied\.$"):
        find_sources(["scans/a.png"])


def test_the_objects_below_a_prefix_take_its_place_however_many_pages_there_are() -> None:
    keys = ["docs/", "docs/.hidden.png", "docs/a.png", "docs/b.txt", "docs/more/c.PDF", "docs/z.jpg", "docs2/d.png"]
    transport = in_bucket(*keys, page_size=2)
    found = find_sources(["s3://inputs/docs2/d.png", "s3://inputs/docs/", "scans/a.png", "s3://inputs/docs/a.png"])

    assert found.expand(transport) == [
        S3Location("inputs", "docs2/d.png"),
        *(S3Location("inputs", f"docs/{name}") for name in ("a.png", "more/c.PDF", "z.jpg")),
        Path("scans/a.png").absolute(),
    ]
    assert transport.calls == {"list_page": 3}


def test_a_bucket_is_a_prefix_and_an_object_is_not_looked_for() -> None:
    transport = in_bucket("a.png")

    assert find_sources(["s3://inputs"]).expand(transport) == [S3Location("inputs", "a.png")]
    assert find_sources(["https://s3.us-east-1.amazonaws.com/inputs/x%20y.png"]).expand(transport) == [
        S3Location("inputs", "x y.png")
    ]
    assert transport.calls == {"list_page": 1}


def test_a_prefix_without_documents_or_that_cannot_be_listed_is_a_sentence() -> None:
    class Denied(InMemoryTransport):
        def list_page(self, prefix: S3Location, start_after: str) -> NoReturn:
            raise StorageError(f"Objects below {prefix} cannot be listed after {start_after!r}.")

    with pytest.raises(FolderError, match="There is no image and no PDF below s3://inputs/docs/"):
        find_sources(["s3://inputs/docs/"]).expand(in_bucket("docs/b.txt", "docs/"))
    with pytest.raises(StorageError, match="cannot be listed"):
        find_sources(["s3://inputs/docs/"]).expand(Denied(lambda _, document: document))
