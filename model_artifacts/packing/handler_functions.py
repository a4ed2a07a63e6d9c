"""The functions that the serving toolkit calls, found in the syntax tree of inference.py: nothing is imported.

The code's own packages need not be installed where it is packed. The rules are those of sagemaker_inference 1.10,
`transformer.py`: it counts every parameter of a function, those with defaults too, and hands its arguments over by
position, with the context as one more where the count is one more.
"""

from __future__ import annotations

import ast
import io
import tokenize
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

    Of packages in folders of their own nothing is asked: they may hold modules that are for other versions.

    Raises:
        ArchiveError: For a module that does not parse, and for a function that is missing or cannot be called.
    """
    trees = {path: _parsed(path) for path in sorted(code.glob("*.py")) if not path.name.startswith(".")}
    script = code / SCRIPT
    found = {name: _binding(trees, script, name) for name in (*_LOAD, *_SINGLE, *_STEPS)}
    single = _is_certain(found["transform_fn"])
    steps = [name for name in _STEPS if _is_certain(found[name])]
    if single and steps:
        raise ArchiveError(
            f"{script} defines transform_fn and {' and '.join(steps)}, of which the serving toolkit takes one or the "
            "other; remove one."
        )
    wanted = _LOAD | (_SINGLE if single else _STEPS)
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
        source = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        return ast.parse(source.decode(encoding), filename=str(path), feature_version=_PYTHON)
    except SyntaxError as error:
        place = f"{path}, line {error.lineno}" if error.lineno else str(path)
        version = ".".join(map(str, _PYTHON))
        raise ArchiveError(f"{place} is no Python {version}, which the image runs: {error.msg}.") from None
    except ValueError as error:  # null bytes, or not of the encoding that it has or names
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
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _assigns(node, name):
            found = _value(trees, module, node, ahead)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imported = _imported(trees, module, node, name, ahead)
            # What a star may bring does not hide what is certainly there.
            found = imported if _is_certain(imported) else found or imported
    return found


def _is_certain(found: ast.AST | None) -> bool:
    """Whether a name is bound for sure: what `from package import *` brings, only running it tells."""
    return found is not None and not (isinstance(found, ast.ImportFrom) and found.names[0].name == "*")


def _assigns(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(part, ast.Name) and part.id == name for target in targets for part in ast.walk(target))


def _value(trees: dict[Path, ast.Module], module: Path, node: ast.Assign | ast.AnnAssign, ahead: int) -> ast.AST | None:
    """What an assignment binds; None for `= None`, which the toolkit takes for a function that is not there."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if not isinstance(targets[0], ast.Name):
        return node  # one of several, and which one is not worth the search
    if isinstance(node.value, ast.Constant) and node.value.value is None:
        return None
    if isinstance(node.value, ast.Name) and ahead:
        return _binding(trees, module, node.value.id, ahead - 1) or node.value
    return node.value


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
