"""What Python 3.8 cannot read is found, whichever Python runs the check; what it can read is not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model_artifacts.packing.python_syntax import Fault, find_faults, read_module
from tests.model_artifacts.packing.syntax_cases import NEWER, NEWER_THAN_3_12, READ_BY_3_8
from tests.stacks.templates import ROOT


def is_runnable(python: str) -> bool:
    return (
        bool(shutil.which(python))
        and not subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode
    )


PYTHONS = [name for name in ("python3.11", "python3.12", "python3.13", "python3.14") if is_runnable(name)]


def faults_of(folder: Path, sources: dict[str, str], python: str = "3.8") -> dict[str, str]:
    modules = {}
    for number, source in enumerate(sources.values()):
        path = folder / f"module{number}.py"
        path.write_text(source + "\n", encoding="utf-8")
        modules[path] = read_module(path)
    names = dict(zip(modules, sources, strict=True))
    return {names[path]: fault.reason for path, fault in find_faults(modules, python).items()}


def test_what_came_after_python_3_8_is_found(tmp_path: Path) -> None:
    assert sorted(NEWER.keys() - faults_of(tmp_path, NEWER).keys()) == []


def test_what_python_3_8_can_read_is_not_rejected(tmp_path: Path) -> None:
    assert faults_of(tmp_path, READ_BY_3_8) == {}


def test_what_an_image_s_newer_python_can_read_is_rejected_for_the_older_alone(tmp_path: Path) -> None:
    """Also where this Python is older than the image's."""
    assert faults_of(tmp_path, NEWER | READ_BY_3_8, "3.12").keys() == NEWER_THAN_3_12


def test_the_line_and_the_reason_are_those_of_the_first_fault(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("x = 1\nbreak\nmatch = x\nreturn 1\n", encoding="utf-8")
    assert find_faults({path: read_module(path)}, "3.8") == {path: Fault(2, "`break` outside loop")}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_comes_to_the_same_result(tmp_path: Path, python: str) -> None:
    program = (
        "import json, sys; from pathlib import Path; from model_artifacts.packing.python_syntax import *\n"
        "paths = sorted(Path(sys.argv[1]).glob('*.py'))\n"
        "print(json.dumps(sorted(p.name for p in find_faults({p: read_module(p) for p in paths}, '3.8'))))"
    )
    faults_of(tmp_path, NEWER | READ_BY_3_8)
    search = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    done = subprocess.run(
        [python, "-W", "error", "-c", program, tmp_path],
        env=os.environ | {"PYTHONPATH": ":".join(search), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == sorted(f"module{number}.py" for number in range(len(NEWER)))
