"""`async-endpoint model`, run in this process, and the changes that its tests make to samples/tiny_classifier."""

import os
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "samples" / "tiny_classifier"


def archive_of(folder: Path) -> Path:
    """Returns the archive of a folder's `code/` and `my_model/`, beside it."""
    path = folder.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as tar:
        for name in ("code", "my_model"):
            tar.add(folder / name, name)
    return path


def run(*arguments: object, monkeypatch: pytest.MonkeyPatch, folder: Path = ROOT) -> Result:
    """Returns what the command did, in a folder, with the serving environment that these tests use."""
    serving = os.environ.get("ASYNC_ENDPOINT_SERVING_ENV", str(ROOT / ".venv-serving"))
    monkeypatch.setenv("ASYNC_ENDPOINT_SERVING_ENV", serving)
    monkeypatch.chdir(folder)
    return CliRunner().invoke(main, ["model", *map(str, arguments)])


def append(folder: Path, code: str) -> None:
    """Adds code at the end of a folder's inference.py."""
    script = folder / "code" / "inference.py"
    script.write_text(f"{script.read_text(encoding='utf-8')}\n{code}\n", encoding="utf-8")
