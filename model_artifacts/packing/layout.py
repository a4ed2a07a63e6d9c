"""Which files of a model's folder are packed, and which are left out.

SageMaker unpacks an archive to /opt/ml/model as it is. The serving toolkit imports SAGEMAKER_PROGRAM from code/, or
from the top, and without a model_fn looks for one TorchScript file at the top; own code may read any other file. So
code/ and my_model/ are packed whole, and from the top of the folder the weights with what belongs to them.

Layout: https://docs.aws.amazon.com/sagemaker/latest/dg/adapt-inference-container.html
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from async_endpoint.protocol.packed_for import PACKED_FOR
from model_artifacts.packing import pins
from model_artifacts.packing.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = "code"
MODEL = "my_model"
PROGRAM = "inference.py"  # the stacks set SAGEMAKER_PROGRAM to it
SCRIPT = f"{CODE}/{PROGRAM}"

# fmt: off
WEIGHTS = frozenset({
    ".bin", ".ckpt", ".engine", ".gguf", ".h5", ".hdf5", ".joblib", ".keras", ".msgpack", ".npy", ".npz", ".onnx",
    ".ot", ".pb", ".pickle", ".pkl", ".plan", ".pt", ".pth", ".ptl", ".safetensors", ".tflite", ".torchscript", ".ts",
})
# fmt: on
# What stands beside weights: configurations, vocabularies, tokenizers, labels.
_BESIDE_WEIGHTS = frozenset({".cfg", ".json", ".model", ".tiktoken", ".txt", ".vocab", ".yaml", ".yml"})
# What stands beside weights and is of their name, but not of the model.
_NOT_OF_A_MODEL = frozenset({".html", ".ipynb", ".jpg", ".log", ".md", ".pdf", ".png", ".py", ".rst", ".sh", ".zip"})
_DOCUMENT = re.compile(r"(changelog|licen[cs]e|notice|readme|requirement)s?([-. ].*)?", re.IGNORECASE)

# Used in the repository or for packing, not by an endpoint.
_NOT_FOR_THE_ENDPOINT = frozenset({f"{MODEL}/README.md", f"{CODE}/ruff.toml", f"{CODE}/{pins.VENDOR_LIST}"})
# Folders that no model is searched in.
_NOT_SEARCHED = frozenset({"__pycache__", "build", "node_modules", "site-packages", "venv"})
_SEARCH_DEPTH = 4
# Of Python and its tools: not packed, and not worth a word.
_CACHES = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})


@dataclass
class Layout:
    """The files of a folder, by their name in the archive, and the names of what is left out.

    Attributes:
        files: Every file to pack, by its name in the archive.
        left_out: Files and folders (with a slash at the end) that are not packed, sorted; without caches of Python and
            its tools.
        script: The file that the toolkit imports as SAGEMAKER_PROGRAM; None if there is none.
    """

    files: dict[str, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    script: str | None = None

    @property
    def weights(self) -> list[str]:
        """The names of the files that may be weights: all of my_model/, and elsewhere those of a known suffix."""
        model, weights = f"{MODEL}/", WEIGHTS
        return [name for name, path in self.files.items() if name.startswith(model) or path.suffix.lower() in weights]


def script_places(program: str) -> tuple[str, ...]:
    """Returns where the toolkit finds SAGEMAKER_PROGRAM in an archive: as a package or module of code/, or at the top.

    Source: transformer.py of sagemaker-inference 1.8.1, and EnvironmentUtils.java of TorchServe 0.6.0, which has the
    archive's own folder on the import path.
    """
    stem = program.removesuffix(".py").replace(".", "/")
    return (f"{CODE}/{stem}/__init__.py", f"{CODE}/{stem}.py", f"{stem}.py")


def read_layout(folder: Path, program: str = PROGRAM) -> Layout:
    """Returns which files of a folder are packed.

    If the program is at the top of the folder, so may be the modules that it imports: all those are packed.

    Raises:
        ArchiveError: The folder does not exist, or something in it that would be packed is neither file nor folder.
    """
    if not folder.is_dir():
        raise ArchiveError(f"{folder} is not a folder; name the folder with the model's weights and {CODE}/.")
    layout = Layout()
    at_top = sorted(folder.iterdir())
    weights = [path for path in at_top if path.suffix.lower() in WEIGHTS and path.is_file()]
    places = script_places(program)
    code_at_top = (folder / places[-1]) in at_top and not any((folder / place).is_file() for place in places[:-1])
    for path in at_top:
        if path.name == PACKED_FOR:  # of an archive that was unpacked here: the new one gets its own
            continue
        if path.name in {CODE, MODEL} and path.is_dir():
            _add_folder(path, f"{path.name}/", layout)
        elif _is_of_a_model(path, weights) or (code_at_top and path.suffix == ".py" and path.is_file()):
            layout.files[path.name] = _plain_file(path)
        elif path.name not in _CACHES and path.suffix != ".pyc":
            layout.left_out.append(f"{path.name}/" if path.is_dir() else path.name)
    layout.left_out.sort()
    layout.script = next((place for place in places if place in layout.files), None)
    return layout


def files_elsewhere(folder: Path) -> Iterator[str]:
    """Yields the names of files in folders that are not packed, to say where something was put by mistake."""
    for place, folders, names in os.walk(folder):
        below = Path(place).relative_to(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in _NOT_SEARCHED and not name.startswith((".", "env")) and len(below.parts) < _SEARCH_DEPTH
        )
        for name in sorted(names):
            yield (below / name).as_posix()


def _is_of_a_model(path: Path, weights: list[Path]) -> bool:
    """Whether a file at the top of a folder belongs to the weights there, or is one of them."""
    if path in weights:
        return not path.name.startswith(".")
    if not weights or path.name.startswith(".") or path.is_dir() or _DOCUMENT.fullmatch(path.name):
        return False
    # OpenVINO has model.xml with model.bin, ONNX model.onnx.data with model.onnx.
    named_alike = any(path.stem == each.stem or path.name.startswith(each.name) for each in weights)
    return path.suffix.lower() in _BESIDE_WEIGHTS or (named_alike and path.suffix.lower() not in _NOT_OF_A_MODEL)


def _add_folder(folder: Path, prefix: str, layout: Layout) -> None:
    if folder.is_symlink():
        raise ArchiveError(f"{folder} is a symbolic link, which SageMaker rejects; replace it with the folder.")
    for path in folder.iterdir():
        name = f"{prefix}{path.name}"
        if path.name in _CACHES or (path.suffix == ".pyc" and not path.is_symlink()):
            continue
        if path.name.startswith(".") and not path.is_symlink():
            layout.left_out.append(f"{name}/" if path.is_dir() else name)
        elif name in _NOT_FOR_THE_ENDPOINT:
            layout.left_out.append(name)
        elif path.is_dir() and not path.is_symlink():
            _add_folder(path, f"{name}/", layout)
        else:
            layout.files[name] = _plain_file(path)


def _plain_file(path: Path) -> Path:
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise ArchiveError(f"{str(path)!a} has a name that is not UTF-8; rename the file.") from None
    if path.is_symlink():
        raise ArchiveError(f"{path} is a symbolic link, which SageMaker rejects; replace it with the file.")
    if not stat.S_ISREG(path.stat().st_mode):
        raise ArchiveError(f"{path} is neither a file nor a folder, and cannot be packed; remove it.")
    return path
