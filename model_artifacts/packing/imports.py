"""Which modules of the code are certain to be imported when a container starts."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from model_artifacts.packing.layout import CODE
from model_artifacts.packing.python_syntax import Module, read_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass
class Modules:
    """The modules of the code.

    Attributes:
        imported: The program (inference.py), and what it imports from the archive when it is imported itself, directly
            or not.
        others: What those import inside of functions, and the other modules directly in code/ or at the top. Others in
            subfolders are not read: packages have modules for other Pythons.
    """

    imported: dict[Path, Module] = field(default_factory=dict)
    others: dict[Path, Module] = field(default_factory=dict)


def read_imported(files: Mapping[str, Path], script: str) -> Modules:
    """Reads the modules among an archive's files, by their name in the archive, from the program's on.

    Raises:
        ArchiveError: A module that is imported, or that is directly in code/, is not text.
    """
    modules = Modules()
    pending = [script] if script in files else []
    later: set[str] = set()
    while pending:
        name = pending.pop()
        if files[name] in modules.imported:
            continue
        module = modules.imported[files[name]] = read_module(files[name])
        if module.tree is not None:
            for parts, is_certain in _imports(module.tree, name):
                (pending.extend if is_certain else later.update)(_files_of(parts, files))
    for name, path in files.items():
        place = PurePosixPath(name)
        is_direct = str(place.parent) in {CODE, "."} and place.suffix == ".py"
        if (is_direct or name in later) and path not in modules.imported:
            modules.others[path] = read_module(path)
    return modules


def _imports(tree: ast.Module, name: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yields the dotted names, as parts, that a module imports unless a condition keeps it from that.

    With each comes whether it is certain: an import inside a function waits for a call.
    """
    pending: list[tuple[ast.AST, bool]] = [(node, True) for node in tree.body]
    folder = PurePosixPath(name).parent.parts
    package = folder[1:] if folder[:1] == (CODE,) else folder
    while pending:
        node, is_certain = pending.pop()
        match node:
            case ast.Import(names=names):
                yield from ((tuple(each.name.split(".")), is_certain) for each in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1] if level else ()
                source = (*base, *(module.split(".") if module else ()))
                yield source, is_certain
                yield from (((*source, each.name), is_certain) for each in names)
            case ast.If() | ast.Try() | ast.TryStar() | ast.IfExp():
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                is_certain = False
        pending.extend((child, is_certain) for child in ast.iter_child_nodes(node))


def _files_of(parts: tuple[str, ...], files: Mapping[str, Path]) -> Iterator[str]:
    """Yields the files that importing a dotted name runs: every package on the way, and the module."""
    for end in range(1, len(parts) + 1):
        stem = "/".join(parts[:end])
        places = (f"{CODE}/{stem}/__init__.py", f"{CODE}/{stem}.py", f"{stem}.py")
        yield from (name for name in places if name in files)
