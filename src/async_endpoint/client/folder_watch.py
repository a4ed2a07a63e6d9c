"""The files of a folder that are complete: nobody writes them any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.client.folder_documents import documents_now

if TYPE_CHECKING:
    from pathlib import Path


class FolderWatch:
    """Looks at a folder again and again.

    A file is complete if it is not empty, and its size and the time of its last change are those of the look before.

    Args:
        folder: The folder.
        pattern: As for `find_documents`.
    """

    def __init__(self, folder: Path, pattern: str | None) -> None:
        self._folder = folder
        self._pattern = pattern
        self._growing: dict[Path, tuple[int, int]] = {}
        self._complete: set[Path] = set()

    def look(self) -> list[Path]:
        """Returns the documents that are complete since this look, sorted by path; each once.

        Raises:
            FolderError: The folder cannot be read.
        """
        before, self._growing = self._growing, {}
        complete = []
        for path in documents_now(self._folder, pattern=self._pattern).documents:
            if path in self._complete or (state := _state_of(path)) is None:
                continue
            if before.get(path) == state:
                complete.append(path)
            else:
                self._growing[path] = state
        self._complete.update(complete)
        return complete


def _state_of(path: Path) -> tuple[int, int] | None:
    """Returns the size and the time of the last change of a file; None for one that is empty or gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if status.st_size else None
