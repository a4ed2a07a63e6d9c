"""A copy of samples/tiny_classifier and a request to it, for the tests of `async-endpoint model`."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.model_command import EXAMPLE


@pytest.fixture(autouse=True)
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the tickets of runs: none of the user's."""
    monkeypatch.setenv("ASYNC_ENDPOINT_STATE", str(tmp_path / "state"))
    return tmp_path / "state" / "runs"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A request that the tiny classifier processes."""
    line = (EXAMPLE / "samples.jsonl").read_text(encoding="utf-8").splitlines()[0]
    path = tmp_path / "request.json"
    path.write_text(json.dumps(json.loads(line)["request"]), encoding="utf-8")
    return path


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example, to change."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__")))
