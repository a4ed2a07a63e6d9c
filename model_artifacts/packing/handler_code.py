"""What must be right in the handler code before it is packed; nothing is imported or run.

`async-endpoint model check` runs the code in the image's Python and finds everything else: functions that are missing,
async, or that the serving toolkit cannot call.
"""

from __future__ import annotations

import ast
import io
import tokenize
from typing import TYPE_CHECKING

from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "inference.py"

_LOAD_FUNCTION = "model_fn"
_PYTHON = (3, 8)  # the PyTorch 1.11 image's


def check(code: Path) -> None:
    """Checks that each module in a code folder is valid Python 3.8, and that inference.py defines model_fn.

    Modules in subfolders are not checked: packages may contain modules for other Python versions.

    Raises:
        ArchiveError: A module is not valid, or inference.py does not define model_fn.
    """
    for path in sorted(code.glob("*.py")):
        if path.name.startswith("."):
            continue
        tree = _parse(path)
        if path.name == SCRIPT and not _bound_names(tree) & {_LOAD_FUNCTION, "*"}:
            raise ArchiveError(
                f"{path} does not define {_LOAD_FUNCTION}; define {_LOAD_FUNCTION}(model_dir) in the file, or import "
                "it there."
            )


def _parse(path: Path) -> ast.Module:
    try:
        source = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        return ast.parse(source.decode(encoding), filename=str(path), feature_version=_PYTHON)
    except SyntaxError as error:
        place = f"{path}, line {error.lineno}," if error.lineno else str(path)
        version = ".".join(map(str, _PYTHON))
        raise ArchiveError(f"{place} is not valid Python {version}, which the image runs: {error.msg}.") from None
    except ValueError as error:  # null bytes, or bytes outside the file's encoding
        raise ArchiveError(f"{path} is not a Python file: {error}.") from None


def _bound_names(tree: ast.Module) -> set[str]:
    """Returns every name that a module defines, imports or assigns; `*` for a star import."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.alias(name=name, asname=alias):
                names.add(alias or name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names
