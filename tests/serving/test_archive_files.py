"""What can be said of the archive's files without running them."""

import ast
import re
import sys
from pathlib import Path

import pytest

CODE = Path(__file__).resolve().parents[2] / "model_artifacts" / "code"
MODULES = sorted(CODE.glob("*.py"))
# Of the serving image and of requirements.txt.
INSTALLED = {"PIL", "donut", "numpy", "pypdfium2", "sagemaker_inference", "timm", "torch", "torchvision"}


def imported_packages(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"), feature_version=(3, 8))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in plain | named}


def test_the_requirements_are_a_published_experiment_s_four_pins_and_a_reader_of_pdf() -> None:
    assert (CODE / "requirements.txt").read_text(encoding="utf-8").splitlines() == [
        "pytorch-lightning==1.6.4",
        "transformers==4.11.3",
        "timm==0.5.4",
        "donut-python==1.0.9",
        "pypdfium2==4.30.0",
    ]


def test_the_lock_has_hashes_and_names_no_host() -> None:
    lock = (CODE / "requirements.lock").read_text(encoding="utf-8")

    assert "donut-python==1.0.9" in lock
    assert "://" not in lock
    assert "index-url" not in lock
    packages = re.split(r"\n(?=[a-z])", lock)[1:]
    assert len(packages) > 10
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", package) for package in packages)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_imports_nothing_of_ours_outside_the_archive(module: Path) -> None:
    own = {path.stem for path in MODULES}

    assert imported_packages(module) <= own | INSTALLED | sys.stdlib_module_names


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_is_ascii_since_a_traceback_shows_its_lines_to_the_worker(module: Path) -> None:
    assert module.read_bytes().isascii()
