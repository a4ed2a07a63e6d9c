"""What must be right in the handler code before it is packed; nothing is imported or run.

The serving toolkit has a default for each function that inference.py leaves out, and for a missing inference.py: see
_validate_user_module_and_set_functions in transformer.py of sagemaker-inference 1.8.1 and 1.10.1, and
validate_and_initialize_user_module in handler_service.py of the Hugging Face toolkit. `async-endpoint model check`
runs the code in the image's Python and finds everything else, such as functions that are async or decorated.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from async_endpoint.protocol.serving_images import ModelServer
from model_artifacts.packing import default_model, imports, python_syntax
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.layout import SCRIPT
from model_artifacts.packing.server_manifest import HANDLER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ServingImage

_LOAD = "model_fn"
_WHOLE = "transform_fn"
_PARTS = frozenset({"input_fn", "predict_fn", "output_fn"})
# What either toolkit calls each function with; all of them may take the context as one more.
_PARAMETERS = {
    _LOAD: "model_dir",
    "input_fn": "data, content_type",
    "predict_fn": "data, model",
    "output_fn": "prediction, accept",
    _WHOLE: "model, data, content_type, accept",
}
# The module with which an archive's own function processes the batches of TorchServe; its name in the archive.
_BATCHES = "code/batching.py"
# Code with one of these may define names that cannot be seen in it.
_DYNAMIC = frozenset({"__getattr__", "exec", "globals", "locals", "setattr", "vars"})


def check(files: Mapping[str, Path], image: ServingImage, program: str = SCRIPT) -> list[str]:
    """Checks the code among an archive's files, by their name in the archive.

    The program, inference.py, and every module that it imports, directly or not, must be of the image's Python. Imports
    below an `if` or a `try` or inside a function do not count: packages import modules for other Pythons there.

    Returns:
        Notes about other modules of code/ that the image's Python cannot read, which may never be imported, and about
        those that this Python is too old to look into.

    Raises:
        ArchiveError: A module is not valid; or the toolkit would reject the functions of inference.py.
    """
    modules = imports.read_imported(files, program)
    faults = python_syntax.find_faults(modules.imported | modules.others, image.python)
    for path in modules.imported:
        if path in faults:
            raise ArchiveError(_sentence(path, faults[path], image, f"which the image {image.name} runs"))
    script = files.get(program)
    tree = modules.imported[script].tree if script is not None else None
    if script is not None and tree is not None:
        _check_functions(script, tree, files, image)
    unused = [path for path in modules.others if path in faults]
    unseen = [path for path, module in modules.imported.items() if module.tree is None]
    return [
        *(f"Note: {_sentence(path, faults[path], image, 'which counts if it is imported')}" for path in unused),
        *(
            f"Note: {path} is valid Python {image.python}, but not {python_syntax.RUNNING}, which packs it: what it "
            "imports and defines was not checked."
            for path in unseen
        ),
    ]


def _sentence(path: Path, fault: python_syntax.Fault, image: ServingImage, why: str) -> str:
    place = f"{path}, line {fault.line}," if fault.line else str(path)
    return f"{place} is not valid Python {image.python}, {why}: {fault.reason}."


def _check_functions(script: Path, tree: ast.Module, files: Mapping[str, Path], image: ServingImage) -> None:
    names = set(_bound_names(tree.body))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | names
    if not names & {_LOAD, "*"} and not used & _DYNAMIC:
        reason = default_model.reason_against(files, image)
        if reason is not None:
            raise ArchiveError(
                f"{script} does not define {_LOAD}; define {_LOAD}(model_dir) in the file, or import it there. The "
                f"toolkit's own {_LOAD} loads {default_model.kind(image)}: {reason}."
            )
    certain = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    beside = sorted(certain & _PARTS)
    if _WHOLE in certain and beside:
        raise ArchiveError(
            f"{script} defines {_WHOLE} and {beside[0]}, which the toolkit rejects when the model loads: {_WHOLE} "
            "replaces input_fn, predict_fn and output_fn; remove one or the other."
        )
    if not used & _DYNAMIC and "*" not in names:
        _check_parameters(
            script, tree, _PARAMETERS if _toolkit_calls_all(files, image) else {_LOAD: _PARAMETERS[_LOAD]}
        )


def _toolkit_calls_all(files: Mapping[str, Path], image: ServingImage) -> bool:
    """Returns whether the toolkit calls more than model_fn: batches of the archive's own take its place."""
    own = HANDLER if image.server is ModelServer.MULTI_MODEL_SERVER else _BATCHES
    return own not in files


def _check_parameters(script: Path, tree: ast.Module, wanted: Mapping[str, str]) -> None:
    """Counts the parameters of each plain function as the toolkits do, which take n or n + 1 of any kind."""
    bound = [*_bound_names(tree.body), *_changed_names(tree)]
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name not in wanted or node.decorator_list:
            continue
        if bound.count(node.name) > 1:  # which of them counts, only running it shows
            continue
        takes = node.args
        every = [*takes.posonlyargs, *takes.args, *takes.kwonlyargs, takes.vararg, takes.kwarg]
        found, called_with = sum(each is not None for each in every), wanted[node.name]
        count = called_with.count(",") + 1
        if found not in (count, count + 1):
            plural = "" if found == 1 else "s"
            raise ArchiveError(
                f"{script}, line {node.lineno}: {node.name} has {found} parameter{plural}, which the toolkit rejects; "
                f"write {node.name}({called_with}), or with context as the last one."
            )


def _changed_names(tree: ast.Module) -> Iterator[str]:
    """Yields the names that are deleted, or of whose objects an attribute is set."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Del()) | ast.Attribute(value=ast.Name(id=name), ctx=ast.Store()):
                yield name


def _bound_names(body: list[ast.stmt]) -> Iterator[str]:
    """Yields every name that the statements define, import or assign in their own scope; `*` for a star import."""
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Global):
                        yield from inner.names
                continue
            case ast.ClassDef(name=name):
                yield name
                continue
            case ast.Lambda():
                continue
            case ast.alias(name=name, asname=alias):
                yield alias or name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
        pending.extend(ast.iter_child_nodes(node))
