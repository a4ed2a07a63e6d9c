"""Code is packed if the toolkit can use it and Python 3.8 can read it; `async-endpoint model check` runs it."""

import sys
import zipfile
from pathlib import Path
from typing import get_args

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.handler_code import check

NEWER = "match x:\n    case 1: pass"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "code" / "inference.py", "def model_fn(model_dir): ...\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def notes(folder: Path, image: ImageName = DEFAULT_IMAGE) -> list[str]:
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return check(files, IMAGES[image])


def rejection(folder: Path, image: ImageName = DEFAULT_IMAGE) -> str:
    with pytest.raises(ArchiveError) as caught:
        notes(folder, image)
    return str(caught.value)


def write_torchscript(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02.")
        archive.writestr("model/constants.pkl", b"\x80\x02.")


LOADS = "def model_fn(model_dir): ...\n"


@pytest.mark.parametrize(
    ("source", "name", "found", "wanted"),
    [
        ("def model_fn(): ...", "model_fn", "0 parameters", "model_fn(model_dir)"),
        ("def model_fn(a, b, c=1): ...", "model_fn", "3 parameters", "model_fn(model_dir)"),
        (LOADS + "def predict_fn(data): ...", "predict_fn", "1 parameter", "predict_fn(data, model)"),
        (LOADS + "def input_fn(*all): ...", "input_fn", "1 parameter", "input_fn(data, content_type)"),
        (LOADS + "def output_fn(a, b, *, c, d): ...", "output_fn", "4 parameters", "output_fn(prediction, accept)"),
        (
            LOADS + "def transform_fn(a, b, /, c): ...",
            "transform_fn",
            "3 parameters",
            "transform_fn(model, data, content_type, accept)",
        ),
    ],
)
@pytest.mark.parametrize("image", get_args(ImageName))
def test_a_function_that_the_toolkit_cannot_call_is_rejected(
    folder: Path, image: ImageName, source: str, name: str, found: str, wanted: str
) -> None:
    write(folder / "code" / "inference.py", source)
    said = rejection(folder, image)
    line = source.count("\n") + 1
    assert f"inference.py, line {line}: {name} has {found}, which the toolkit rejects; write {wanted}, or" in said


@pytest.mark.parametrize(
    "source",
    [
        "def predict_fn(data, model): ...",
        "def predict_fn(data, model, context): ...",
        "def input_fn(data, *more): ...",
        "@decorated\ndef predict_fn(data): ...",
        "def predict_fn(data): ...\npredict_fn = wrapped(predict_fn)",
        "def predict_fn(data): ...\nfrom mine import *",
        "def predict_fn(data): ...\nglobals()['predict_fn'] = print",
        "def predict_fn(data): ...\ndel predict_fn",
        "def predict_fn(data): ...\npredict_fn.__signature__ = other",
        "def helper(): ...",
    ],
)
def test_functions_that_may_be_called_are_packed(folder: Path, source: str) -> None:
    write(folder / "code" / "inference.py", LOADS + source)
    assert notes(folder) == []


@pytest.mark.parametrize(
    ("image", "own"),
    [
        ("huggingface-2.6", "multi_model_server.py"),
        ("pytorch-2.6", "batching.py"),
        ("pytorch-1.11", "batching.py"),
    ],
)
def test_with_batches_of_its_own_only_the_loader_is_called_by_the_rules(
    folder: Path, image: ImageName, own: str
) -> None:
    write(folder / "code" / "inference.py", LOADS + "def input_fn(request): ...")
    assert "input_fn has 1 parameter" in rejection(folder, image)
    write(folder / "code" / own, "")
    assert notes(folder, image) == []
    write(folder / "code" / "inference.py", "def model_fn(): ...")
    assert "model_fn has 0 parameters" in rejection(folder, image)


def test_a_handler_that_the_image_does_not_read_changes_nothing(folder: Path) -> None:
    write(folder / "code" / "inference.py", LOADS + "def predict_fn(data): ...")
    write(folder / "code" / "multi_model_server.py", "")
    assert "predict_fn has 1 parameter" in rejection(folder, "pytorch-2.6")


@pytest.mark.parametrize(
    "source",
    [
        "def model_fn(model_dir): ...",
        "def model_fn(model_dir, context): ...",
        "async def model_fn(model_dir): ...",
        "from mine import model_fn",
        "from mine import load as model_fn",
        "from mine import *",
        "model_fn = lambda model_dir: None",
        "try:\n    from mine import model_fn\nexcept ImportError:\n    model_fn = None",
        "def define():\n    global model_fn\n    model_fn = print\ndefine()",
        "globals()['model_fn'] = print",
        "def __getattr__(name): ...",
    ],
)
def test_model_fn_may_be_defined_imported_or_assigned(folder: Path, source: str) -> None:
    write(folder / "code" / "inference.py", source)
    assert notes(folder) == []


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def load(model_dir): ...",
        "from mine import model_fn as load",
        "import model_fn_of",
        "class Model:\n    def model_fn(self, model_dir): ...",
        "def outer():\n    def model_fn(model_dir): ...",
    ],
)
def test_code_without_model_fn_is_rejected_where_the_toolkit_finds_no_torchscript(folder: Path, source: str) -> None:
    write(folder / "code" / "inference.py", source)
    assert rejection(folder) == (
        f"{folder}/code/inference.py does not define model_fn; define model_fn(model_dir) in the file, or import it "
        "there. The toolkit's own model_fn loads one TorchScript file from the top of the archive: there is no .pt or "
        ".pth file."
    )
    write_torchscript(folder / "scripted.pth")
    assert notes(folder) == []


@pytest.mark.parametrize("names", ["", "input_fn", "input_fn predict_fn", "predict_fn output_fn", "output_fn"])
def test_the_toolkit_has_a_default_for_each_of_the_three(folder: Path, names: str) -> None:
    defined = "".join(f"def {name}(a, b): ...\n" for name in ["model_fn", *names.split()])
    write(folder / "code" / "inference.py", defined)
    assert notes(folder) == []


def test_transform_fn_replaces_the_three(folder: Path) -> None:
    write(folder / "code" / "inference.py", "def model_fn(a): ...\ndef transform_fn(a, b, c, d): ...\n")
    assert notes(folder) == []


@pytest.mark.parametrize("beside", ["input_fn", "predict_fn", "output_fn"])
def test_transform_fn_beside_one_of_the_three_is_rejected_as_the_toolkit_does(folder: Path, beside: str) -> None:
    source = f"def model_fn(a): ...\ndef transform_fn(a, b, c, d): ...\ndef {beside}(a, b): ...\n"
    write(folder / "code" / "inference.py", source)
    assert f"{folder}/code/inference.py defines transform_fn and {beside}, which the toolkit rejects" in rejection(
        folder
    )


@pytest.mark.parametrize("source", ["\nx = 1 +", "\nwith (open('a') as a, open('b') as b): pass", '\nf"{x["a"]}"'])
def test_code_that_is_not_python_3_8_is_rejected_with_its_line(folder: Path, source: str) -> None:
    write(folder / "code" / "inference.py", "def model_fn(model_dir): ..." + source)
    expected = f"{folder}/code/inference.py, line 2, is not valid Python 3.8, which the image pytorch-1.11 runs: "
    assert rejection(folder).startswith(expected)


@pytest.mark.parametrize(
    ("imported", "name"),
    [
        ("import net", "net.py"),
        ("import parts.net as net", "parts/net.py"),
        ("from parts import net", "parts/net.py"),
        ("from parts.net import *", "parts/net.py"),
        ("import parts", "parts/__init__.py"),
        ("import parts.net", "parts/__init__.py"),
        ("class A:\n    from parts.deep import net", "parts/deep/net.py"),
        ("from . import net", "net.py"),
    ],
)
def test_a_module_that_the_code_imports_is_checked_in_any_folder(folder: Path, imported: str, name: str) -> None:
    write(folder / "code" / "inference.py", f"{imported}\nmodel_fn = print\n")
    write(folder / "code" / name, NEWER)
    assert rejection(folder) == (
        f"{folder}/code/{name}, line 1, is not valid Python 3.8, which the image pytorch-1.11 runs: a match "
        "statement was added in Python 3.10."
    )


@pytest.mark.parametrize("name", ["net.py", "parts/net.py"])
def test_an_import_inside_a_function_is_not_certain_and_gives_a_note(folder: Path, name: str) -> None:
    module = name.removesuffix(".py").replace("/", ".")
    write(folder / "code" / "inference.py", f"def model_fn(model_dir):\n    import {module}\n")
    write(folder / "code" / name, NEWER)
    assert notes(folder) == [
        (
            f"Note: {folder}/code/{name}, line 1, is not valid Python 3.8, which counts if it is imported: a match "
            "statement was added in Python 3.10."
        )
    ]


def test_imports_are_followed_through_relative_ones(folder: Path) -> None:
    write(folder / "code" / "inference.py", "from parts.first import model_fn\n")
    write(folder / "code" / "parts" / "first.py", "from .deep.second import x\n")
    write(folder / "code" / "parts" / "deep" / "second.py", "from ..third import y\n")
    write(folder / "code" / "parts" / "third.py", NEWER)
    assert f"{folder}/code/parts/third.py, line 1, is not valid Python 3.8" in rejection(folder)


@pytest.mark.parametrize("guard", ["if sys.version_info >= (3, 10):\n    ", "try:\n    "])
def test_modules_of_packages_for_other_pythons_are_not_checked(folder: Path, guard: str) -> None:
    write(folder / "code" / "inference.py", "import vendored_package\nmodel_fn = print\n")
    end = "\nexcept ImportError: pass\n" if guard.startswith("try") else "\n"
    write(folder / "code" / "vendored_package" / "__init__.py", f"import sys\n{guard}from ._newer import x{end}")
    write(folder / "code" / "vendored_package" / "_newer.py", NEWER)
    write(folder / "code" / "vendored_package" / "tests" / "test_newer.py", NEWER)
    assert notes(folder) == []


def test_a_module_that_nothing_imports_is_packed_with_a_note(folder: Path) -> None:
    write(folder / "code" / "train.py", NEWER)
    assert notes(folder) == [
        (
            f"Note: {folder}/code/train.py, line 1, is not valid Python 3.8, which counts if it is imported: a match "
            "statement was added in Python 3.10."
        )
    ]


def test_a_module_that_is_not_text_is_rejected(folder: Path) -> None:
    (folder / "code" / "helpers.py").write_bytes(b"x = 1\0")
    assert rejection(folder) == f"{folder}/code/helpers.py is not a Python file: it contains null bytes."
    (folder / "code" / "helpers.py").write_bytes(b"name = '\xe9'\n")
    assert rejection(folder).startswith(f"{folder}/code/helpers.py is not a Python file: ")


@pytest.mark.parametrize(
    "source",
    [
        b"# coding: latin-1\nname = '\xe9'\n",
        b"\xef\xbb\xbfname = 1\r\n",
        b"#!/bin/sh\n# -*- coding: gbk -*-\nx = '\xd6\xd0'\n",
    ],
    ids=["latin-1", "byte order mark", "gbk"],
)
def test_the_encoding_that_a_module_declares_counts(folder: Path, source: bytes) -> None:
    write(folder / "code" / "inference.py", "import helpers\nmodel_fn = print\n")
    (folder / "code" / "helpers.py").write_bytes(source)
    assert notes(folder) == []
    (folder / "code" / "helpers.py").write_bytes(source + b"x = f'{name['a']}'\n")
    assert f"{folder}/code/helpers.py, line {source.count(10) + 1}, is not valid Python 3.8" in rejection(folder)


def test_an_archive_without_code_has_nothing_to_check() -> None:
    assert check({}, IMAGES[DEFAULT_IMAGE]) == []


@pytest.mark.parametrize("source", [NEWER, "type X = int", 'x = f"{d["a"]}"', "def f[T](x: T): pass"])
def test_code_for_python_3_12_alone_is_accepted_for_its_images_and_rejected_for_the_other(
    folder: Path, source: str
) -> None:
    write(folder / "code" / "inference.py", "import net\nmodel_fn = print\n")
    write(folder / "code" / "net.py", source)
    assert f"{folder}/code/net.py, line 1, is not valid Python 3.8" in rejection(folder)
    for image in ("pytorch-2.6", "huggingface-2.6"):
        found = notes(folder, image)
        # A Python that is older than the image's says what it could not look into.
        assert all(f"{folder}/code/net.py is valid Python 3.12, but not" in note for note in found)
        assert (found == []) == (sys.version_info >= (3, 12) or source == NEWER)


def test_code_that_no_python_of_the_images_can_read_is_rejected_for_all(folder: Path) -> None:
    write(folder / "code" / "inference.py", "try: pass\nexcept ValueError, TypeError: pass\n")
    for name in get_args(ImageName):
        image = IMAGES[name]
        sentence = (
            f"{folder}/code/inference.py, line 2, is not valid Python {image.python}, which the image {name} runs"
        )
        assert rejection(folder, name).startswith(sentence)


def test_the_hugging_face_toolkit_loads_a_pipeline_where_there_is_no_model_fn(folder: Path) -> None:
    write(folder / "code" / "inference.py", "def input_fn(a, b): ...\n")
    write_torchscript(folder / "scripted.pth")
    assert notes(folder, "pytorch-2.6") == []
    assert rejection(folder, "huggingface-2.6").endswith(
        "The toolkit's own model_fn loads a pipeline of transformers or diffusers from the top of the archive: there "
        "is no config.json or model_index.json."
    )
    write(folder / "config.json", "{}")
    assert notes(folder, "huggingface-2.6") == []
