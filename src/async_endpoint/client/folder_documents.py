"""The documents of a folder, and what else is in it."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from async_endpoint.counted import counted
from async_endpoint.protocol import DOCUMENT_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KINDS_NAMED = 5


class FolderError(ValueError):
    """A folder without documents to send; the message is one sentence."""


@dataclass(frozen=True)
class FolderDocuments:
    """The documents of a folder.

    Attributes:
        documents: Sorted by path, each once.
        left_out: How many other entries there are, by kind, such as `.txt` or `broken link`.
    """

    documents: tuple[Path, ...]
    left_out: Counter[str]

    def left_out_sentence(self) -> str | None:
        """Returns what was left out, in one line; None if nothing was."""
        if not self.left_out:
            return None
        kinds = self.left_out.most_common()
        named = [f"{count} {kind}" for kind, count in kinds[:_KINDS_NAMED]]
        if others := sum(count for _, count in kinds[_KINDS_NAMED:]):
            named.append(counted(others, "other"))
        entries = counted(self.left_out.total(), "entry", "entries")
        return f"{entries} left out: {', '.join(named)}; choose by --pattern."


def find_documents(folder: Path, *, pattern: str | None = None, limit: int | None = None) -> FolderDocuments:
    """Returns the documents of a folder.

    Args:
        folder: The folder.
        pattern: Glob below the folder, such as `**/*.png`; images and PDFs directly in it if None.
        limit: The maximum number of documents.

    Raises:
        FolderError: The folder does not exist or cannot be read, contains no document, or the pattern cannot be used.
    """
    with readable(folder):
        is_folder = folder.is_dir()
    if not is_folder:
        raise FolderError(f"{folder} is not a folder: name one that holds documents.")
    found = documents_now(folder, pattern=pattern)
    if not found.documents:
        wanted = f"nothing that matches {pattern!r}" if pattern else "no image and no PDF"
        raise FolderError(f"{folder} holds {wanted}: choose the documents by a pattern, or another folder.")
    return FolderDocuments(found.documents[:limit], found.left_out)


def documents_now(folder: Path, *, pattern: str | None = None) -> FolderDocuments:
    """Returns the documents that are in a folder now: there may be none.

    Args:
        folder: The folder.
        pattern: As for `find_documents`.

    Raises:
        FolderError: The folder cannot be read, or the pattern cannot be used.
    """
    documents: list[Path] = []
    left_out: Counter[str] = Counter()
    with readable(folder):
        for path in sorted(set(_matches(folder, pattern))):
            kind = _kind_left_out(path, any_suffix=pattern is not None)
            if kind is None:
                documents.append(path)
            elif not (pattern and kind == "folder"):
                left_out[kind] += 1
    return FolderDocuments(tuple(documents), left_out)


@contextmanager
def readable(name: Path | str) -> Iterator[None]:
    """Makes one sentence of what the system says about a path that it does not let the caller look at.

    Raises:
        FolderError: Instead of an OSError, such as that of a name that is too long.
    """
    try:
        yield
    except OSError as error:
        raise FolderError(f"{name} cannot be read: {error.strerror}.") from error


def _matches(folder: Path, pattern: str | None) -> list[Path]:
    if pattern is None:
        return list(folder.iterdir())
    hint = f"the pattern is one below {folder}, such as '**/*.png'."
    if pattern and not PurePath(pattern).parts:
        raise FolderError(f"{pattern!r} is the folder itself: {hint}")
    if ".." in pattern.replace("\\", "/").split("/"):
        raise FolderError(f"{pattern!r} leaves the folder: {hint}")
    try:
        return list(folder.glob(pattern))
    except (ValueError, NotImplementedError) as error:
        raise FolderError(f"{pattern!r} is not a pattern ({error}): {hint}") from error


def _kind_left_out(path: Path, *, any_suffix: bool) -> str | None:
    """Returns why an entry is no document; None for a document."""
    if path.name.startswith("."):
        return "hidden"
    if path.is_file():
        if any_suffix or path.suffix.lower() in DOCUMENT_SUFFIXES:
            return None
        return path.suffix or "without a suffix"
    if path.is_dir():
        return "folder"
    return "broken link" if path.is_symlink() else "no regular file"
