"""Finds what an image's Python, such as 3.8, cannot read in a module, whichever Python runs this.

ast.parse(feature_version=(3, 8)) depends on the Python that runs it: from 3.12 on it does not look into f-strings, from
3.13 on it takes a parenthesised with. So ruff judges, which knows each version's syntax by itself; what it does not
report is looked for here, and that of a module that only a newer Python than this one can parse is not.
docs/decisions/0019-ruff-judges-python-3-8.md has what was measured.
"""

from __future__ import annotations

import ast
import importlib
import io
import json
import re
import subprocess
import sys
import tempfile
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Version = tuple[int, int]

RUNNING = ".".join(map(str, sys.version_info[:2]))  # the Python that runs this

# Beside the syntax errors that ruff always reports: what the compiler rejects after parsing. Names as ruff has them.
_COMPILE_ERRORS = "F404,F406,F407,F621,F622,F701,F702,F704,F706,F707,PLE0115,PLE0117,PLE0118,PLE1142"
_MATCH, _PARENTHESISED_WITH = (3, 10), (3, 9)  # the versions that added them
_WITH_PARENTHESIS = re.compile(r"\bwith[\s\\]*\(")


@dataclass(frozen=True)
class Fault:
    """What a Python rejects: the line, and why."""

    line: int | None
    reason: str


@dataclass(frozen=True)
class Module:
    """A module as this Python reads it: its text, and its tree, or why it cannot be parsed."""

    text: str
    tree: ast.Module | None = None
    fault: Fault | None = None


def read_module(path: Path) -> Module:
    """Returns a module's text and tree, or this Python's reason for not reading it.

    Raises:
        ArchiveError: The file is not text in the encoding that it declares.
    """
    source = path.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = io.IncrementalNewlineDecoder(None, translate=True).decode(source.decode(encoding), final=True)
    except (SyntaxError, ValueError) as error:
        raise ArchiveError(f"{path} is not a Python file: {error}.") from None
    if "\0" in text:
        raise ArchiveError(f"{path} is not a Python file: it contains null bytes.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown escape, such as "\d"
            tree = ast.parse(text)
    except SyntaxError as error:
        return Module(text, fault=Fault(error.lineno, error.msg))
    except (ValueError, RecursionError, MemoryError) as error:
        return Module(text, fault=Fault(None, str(error) or "it is nested too deeply"))
    return Module(text, tree)


def find_faults(modules: Mapping[Path, Module], python: str) -> dict[Path, Fault]:
    """Returns the first fault of each module that a Python, such as "3.8", rejects.

    Raises:
        ArchiveError: ruff is not installed, or fails.
    """
    major, minor = map(int, python.split("."))
    own = {path: _own_fault(module, (major, minor)) for path, module in modules.items()}
    faults = {path: fault for path, fault in own.items() if fault is not None}
    faults.update(_ask_ruff({path: module.text for path, module in modules.items() if path not in faults}, python))
    return faults


def _own_fault(module: Module, version: Version) -> Fault | None:
    if module.tree is None:  # what an older Python than the image's rejects may be new
        return module.fault if sys.version_info[:2] >= version else None
    fault = _match_statement(module.tree) if version < _MATCH else None
    fault = fault or _return_in_generator(module.tree)
    return fault or (_parenthesised_with(module.text) if version < _PARENTHESISED_WITH else None)


def _match_statement(tree: ast.Module) -> Fault | None:
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Match)]
    return Fault(min(lines), "a match statement was added in Python 3.10") if lines else None


def _return_in_generator(tree: ast.Module) -> Fault | None:
    """Finds `return VALUE` in an asynchronous generator, which the compiler rejects and ruff lets pass."""
    for function in ast.walk(tree):
        if isinstance(function, ast.AsyncFunctionDef):
            inside = list(_own_nodes(function))
            values = [node for node in inside if isinstance(node, ast.Return) and node.value is not None]
            if values and any(isinstance(node, ast.Yield) for node in inside):
                return Fault(values[0].lineno, "'return' with value in async generator")
    return None


def _own_nodes(function: ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yields the nodes of a function's body without those of functions and classes in it."""
    pending: list[ast.AST] = list(reversed(function.body))
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))


def _parenthesised_with(text: str) -> Fault | None:
    """Finds `with (... as ...):`, which ruff lets pass for a single context manager."""
    if not _WITH_PARENTHESIS.search(text):
        return None
    skipped = {tokenize.NL, tokenize.COMMENT}
    tokens = [each for each in tokenize.generate_tokens(io.StringIO(text).readline) if each.type not in skipped]
    for start, token in enumerate(tokens[:-1]):
        if token.string != "with" or tokens[start + 1].string != "(":
            continue
        depth, names_target = 0, False
        for inner in tokens[start + 1 :]:
            depth += (inner.string in {"(", "[", "{"}) - (inner.string in {")", "]", "}"})
            names_target |= depth == 1 and inner.string == "as"
            if depth == 0:
                break
        if names_target:
            return Fault(token.start[0], "parentheses around context managers were added in Python 3.9")
    return None


def _ask_ruff(texts: Mapping[Path, str], python: str) -> dict[Path, Fault]:
    if not texts:
        return {}
    with tempfile.TemporaryDirectory() as place:
        copies = {Path(place, f"{number}.py"): path for number, path in enumerate(texts)}
        for copy, path in copies.items():
            copy.write_text(texts[path], encoding="utf-8")  # ruff reads no other encoding
        command = [
            _ruff(), "check", "--isolated", "--no-cache", "--ignore-noqa", "--preview", "--exit-zero", "--quiet",
            "--target-version", f"py{python.replace('.', '')}", "--select", _COMPILE_ERRORS, "--output-format", "json",
            str(place),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ArchiveError(f"ruff could not check the code's syntax: {' '.join(done.stderr.split())}")
        faults: dict[Path, Fault] = {}
        for each in sorted(json.loads(done.stdout), key=lambda each: int(each["location"]["row"])):
            path = copies[Path(place, Path(each["filename"]).name)]
            faults.setdefault(path, Fault(each["location"]["row"], str(each["message"]).rstrip(".")))
        return faults


def _ruff() -> str:
    try:
        return str(importlib.import_module("ruff").find_ruff_bin())
    except (ModuleNotFoundError, FileNotFoundError):
        raise ArchiveError(
            "ruff, which checks the code's syntax, is not installed; run pip install -r requirements.txt."
        ) from None
