"""The documents that a user names: files, folders, patterns, objects in S3, and lists of them."""

from __future__ import annotations

import glob
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from async_endpoint.client.folder_documents import FolderDocuments, FolderError, find_documents, readable
from async_endpoint.protocol import DOCUMENT_SUFFIXES, LocationError, S3Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from async_endpoint.client.transport import Transport

_IN_S3 = ("s3://", "https://", "http://")


@dataclass
class Sources:
    """What the user named, without duplicates and in its order.

    Attributes:
        documents: Files by absolute path, and objects and prefixes in S3; `add_files` adds files.
        left_out: What else is in the named folders, by kind.
    """

    documents: dict[Path | S3Location, None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    _places: set[Path] = field(default_factory=set, repr=False)

    def add_files(self, paths: Iterable[Path]) -> None:
        """Adds files, each once, whichever way its folder is spelled; a link to a file is a document of its own."""
        for path in paths:
            place = path.parent.resolve() / path.name
            if place not in self._places:
                self._places.add(place)
                self.documents[path.absolute()] = None

    def left_out_sentence(self) -> str | None:
        """Returns what was left out, in one line; None if nothing was."""
        return FolderDocuments((), self.left_out).left_out_sentence()

    def expand(self, transport: Transport) -> list[Path | S3Location]:
        """Returns the documents, with the objects below each prefix in its place.

        Args:
            transport: Lists the prefixes; not called without any.

        Raises:
            FolderError: There is no image and no PDF below a prefix.
            StorageError: A prefix cannot be listed.
        """
        found: dict[Path | S3Location, None] = {}
        for document in self.documents:
            if isinstance(document, S3Location) and _is_prefix(document):
                found.update(dict.fromkeys(_objects_below(document, transport)))
            else:
                found[document] = None
        return list(found)


def find_sources(named: Iterable[str], *, listed: Iterable[bytes] = (), pattern: str | None = None) -> Sources:
    """Returns the documents that a user names. Makes no call to AWS.

    Args:
        named: Files, folders, patterns such as `scans/**/*.png`, and locations in S3; one that ends with a slash is a
            prefix. `-` stands for the listed ones.
        listed: Lines, each a file, a folder or a location in S3, verbatim; empty ones do not count.
        pattern: Which files of the folders are documents, as for `find_documents`.

    Raises:
        FolderError: Something that was named is not there, cannot be read, or contains no document.
    """
    sources = Sources()
    for name in named:
        if name == "-":
            lines = [os.fsdecode(line.rstrip(b"\r\n")) for line in listed]
            if not any(lines):
                raise FolderError("The standard input names no document: write a path or an s3:// location a line.")
            for line in filter(None, lines):
                _take(sources, line, pattern, is_literal=True)
        else:
            _take(sources, name, pattern)
    return sources


def _take(sources: Sources, name: str, pattern: str | None, *, is_literal: bool = False) -> None:
    if name.startswith(_IN_S3):
        sources.documents[_location(name)] = None
        return
    with readable(name):
        _take_files(sources, name, pattern, is_literal=is_literal)


def _take_files(sources: Sources, name: str, pattern: str | None, *, is_literal: bool) -> None:
    path = Path(name)
    if path.is_dir():
        found = find_documents(path, pattern=pattern)
        sources.left_out.update(found.left_out)
        sources.add_files(found.documents)
    elif path.exists():
        if not path.is_file():
            raise FolderError(f"{name} is not a regular file: name one, or a folder.")
        sources.add_files([path])
    elif glob.has_magic(name) and not is_literal:
        everything = glob.glob(name, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns, and finds hidden files
        matches = sorted(match for match in everything if Path(match).is_file())
        if not matches:
            raise FolderError(f"No file matches {name!r}: correct the pattern, or name a folder.")
        sources.add_files(Path(match) for match in matches)
    else:
        raise FolderError(f"There is no file and no folder {name}: correct the name; nothing was sent.")


def _location(text: str) -> S3Location:
    try:
        return S3Location.from_prefix_uri(text)
    except LocationError as error:
        raise FolderError(str(error)) from error


def _is_prefix(location: S3Location) -> bool:
    return not location.key or location.key.endswith("/")


def _objects_below(prefix: S3Location, transport: Transport) -> Iterator[S3Location]:
    """Yields the images and PDFs below a prefix, at any depth: S3 has no folders."""
    last, found = "", False
    while True:
        page = transport.list_page(prefix, start_after=last)
        for each in page.objects:
            path = PurePosixPath(each.key)
            if path.suffix.lower() in DOCUMENT_SUFFIXES and not path.name.startswith(".") and each.key[-1] != "/":
                found = True
                yield S3Location(prefix.bucket, each.key)
        if not page.is_truncated:
            break
        last = page.objects[-1].key
    if not found:
        raise FolderError(f"There is no image and no PDF below {prefix}: name another prefix, or the objects.")
