"""Code is packed if it is valid Python 3.8 and defines model_fn; `async-endpoint model check` runs it."""

from pathlib import Path

import pytest

from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.handler_code import check


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "inference.py").write_text("def model_fn(model_dir): ...\n", encoding="utf-8")
    return tmp_path


def rejection(code: Path) -> str:
    with pytest.raises(ArchiveError) as caught:
        check(code)
    return str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "def model_fn(model_dir): ...",
        "async def model_fn(model_dir): ...",
        "from mine import model_fn",
        "from mine import load as model_fn",
        "from mine import *",
        "model_fn = lambda model_dir: None",
        "try:\n    from mine import model_fn\nexcept ImportError:\n    model_fn = None",
    ],
)
def test_model_fn_may_be_defined_imported_or_assigned(code: Path, source: str) -> None:
    (code / "inference.py").write_text(source, encoding="utf-8")
    check(code)


@pytest.mark.parametrize(
    "source", ["", "def load(model_dir): ...", "from mine import model_fn as load", "import model_fn_of"]
)
def test_code_without_model_fn_is_rejected(code: Path, source: str) -> None:
    (code / "inference.py").write_text(source, encoding="utf-8")
    assert rejection(code) == (
        f"{code}/inference.py does not define model_fn; define model_fn(model_dir) in the file, or import it there."
    )


@pytest.mark.parametrize("name", ["inference.py", "helpers.py"])
@pytest.mark.parametrize("source", ["\nx = 1 +", "\nwith (open('a') as a, open('b') as b): pass"])
def test_a_module_that_is_not_python_3_8_is_rejected_with_its_line(code: Path, name: str, source: str) -> None:
    (code / name).write_text(source, encoding="utf-8")
    assert rejection(code).startswith(f"{code}/{name}, line 2, is not valid Python 3.8, which the image runs: ")


def test_a_module_that_is_not_text_is_rejected(code: Path) -> None:
    (code / "helpers.py").write_bytes(b"x = 1\0")
    assert rejection(code).startswith(f"{code}/helpers.py is not ")


def test_the_encoding_that_a_module_declares_counts(code: Path) -> None:
    (code / "helpers.py").write_bytes(b"# coding: latin-1\nname = '\xe9'\n")
    check(code)


@pytest.mark.parametrize("name", [".hidden.py", "package/newer.py"])
def test_hidden_modules_and_those_of_packages_are_not_checked(code: Path, name: str) -> None:
    (code / name).parent.mkdir(exist_ok=True)
    (code / name).write_text("match x:\n    case 1: pass", encoding="utf-8")
    check(code)
