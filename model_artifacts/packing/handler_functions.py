"""The functions that the serving toolkit calls, found in the syntax tree of inference.py: nothing is imported.

The code's own packages need not be installed where it is packed. The rules are those of sagemaker_inference 1.10,
`transformer.py`: it counts every parameter of a function, those with defaults too, and hands its arguments over by
position, with the context as one more where the count is one more.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SCRIPT = "inference.py"

# Of the PyTorch 1.11 image.
_PYTHON = (3, 8)
_LOAD = {"model_fn": ("model_dir",)}
_SINGLE = {"transform_fn": ("model", "data", "content_type", "accept")}
_STEPS = {
    "input_fn": ("body", "content_type"),
    "predict_fn": ("data", "model"),
    "output_fn": ("prediction", "accept"),
}

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def check(code: Path) -> None:
    """Sees that every module of a code folder is Python 3.8, and that inference.py has the toolkit's functions.

    Raises:
        ArchiveError: For a module that does not parse, and for a function that is missing or cannot be called.
    """
    trees = {path: _parsed(path) for path in sorted(code.rglob("*.py"))}
    script = code / SCRIPT
    found = {name: _binding(trees, script, name) for name in (*_LOAD, *_SINGLE, *_STEPS)}
    steps = [name for name in _STEPS if found[name] is not None]
    if found["transform_fn"] is not None and steps:
        raise ArchiveError(
            f"{script} defines transform_fn and {' and '.join(steps)}, of which the serving toolkit takes one or the "
            "other; remove one."
        )
    wanted = _LOAD | (_STEPS if found["transform_fn"] is None else _SINGLE)
    for name, arguments in wanted.items():
        function = found[name]
        if function is None:
            raise ArchiveError(
                f"{script} has no {name}; define {name}({', '.join(arguments)}) at the top level of the file, or "
                "import it there."
            )
        if isinstance(function, _Function):
            _check_call(script, name, function, arguments)


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path), feature_version=_PYTHON)
    except SyntaxError as error:
        place = f"{path}, line {error.lineno}" if error.lineno else str(path)
        version = ".".join(map(str, _PYTHON))
        raise ArchiveError(f"{place} is no Python {version}, which the image runs: {error.msg}.") from None
    except ValueError as error:  # null bytes
        raise ArchiveError(f"{path} is no Python file: {error}.") from None


def _binding(trees: dict[Path, ast.Module], module: Path, name: str, ahead: int = 5) -> ast.AST | None:
    """What gives a module's global its value: a function where one can be seen, else the statement, else None.

    Imports are followed into other modules of the folder, `ahead` of them at most.
    """
    tree = trees.get(module)
    if tree is None:
        return None
    found: ast.AST | None = None
    for node in _global_statements(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            found = node
        elif isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets):
            found = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            found = node.value or found
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found = _imported(trees, module, node, name, ahead) or found
    return found


def _imported(
    trees: dict[Path, ast.Module], module: Path, node: ast.Import | ast.ImportFrom, name: str, ahead: int
) -> ast.AST | None:
    for alias in node.names:
        if alias.name != "*" and (alias.asname or alias.name) != name:
            continue
        if isinstance(node, ast.Import) or node.module is None:
            return node
        # code/ itself is on the import path, and the folder of inference.py is it.
        place = module.parent.joinpath(*node.module.split("."))
        source = next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path in trees), None)
        if source is None or not ahead:
            return node  # another package's: what it is, only running it tells
        return _binding(trees, source, name if alias.name == "*" else alias.name, ahead - 1)
    return None


def _global_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that bind globals, those under `if`, `try` and `with` too."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for part in ("body", "handlers", "orelse", "finalbody"):
                for inner in getattr(node, part, ()):
                    yield from _global_statements(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])


def _check_call(script: Path, name: str, function: _Function, arguments: tuple[str, ...]) -> None:
    if isinstance(function, ast.AsyncFunctionDef):
        raise ArchiveError(
            f"{script}: {name} is async, and the serving toolkit does not await it; make it a plain def."
        )
    if not isinstance(function, ast.Lambda) and function.decorator_list:
        return  # a decorator may change what it takes
    given = function.args
    positional = len(given.posonlyargs) + len(given.args)
    required = positional - len(given.defaults)
    count = positional + len(given.kwonlyargs) + bool(given.vararg) + bool(given.kwarg)
    fits = count in {len(arguments), len(arguments) + 1}
    callable_so = required <= count and (bool(given.vararg) or count <= positional) and None not in given.kw_defaults
    if not (fits and callable_so):
        raise ArchiveError(
            f"{script}: {name}({ast.unparse(given)}) cannot be called by the serving toolkit, which counts every "
            f"parameter and takes {len(arguments)} or, with the context, {len(arguments) + 1}; write "
            f"{name}({', '.join(arguments)})."
        )
