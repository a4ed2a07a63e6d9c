"""What every reader of a model's folder needs: its JSON files, and the error for one that does not load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class ModelFolderError(Exception):
    """The folder holds no model that can be loaded; the message says what to do."""


def read_object(folder: Path, name: str) -> dict[str, Any]:
    """Returns the JSON object in a file; an empty one if there is no such file.

    Raises:
        ModelFolderError: The file holds something else.
    """
    if not (folder / name).is_file():
        return {}
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"{folder.name}/{name} is not JSON: {str(error)!a}.") from None
    if not isinstance(found, dict):
        raise ModelFolderError(f"{folder.name}/{name} must hold a JSON object.")
    return found
