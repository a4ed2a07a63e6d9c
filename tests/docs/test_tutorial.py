"""The tutorial of docs/your-model.md works as it is printed: its files train, pack and give the printed result."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from async_endpoint.cli import main

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "your-model.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.serving


@pytest.fixture
def serving_env(monkeypatch: pytest.MonkeyPatch) -> Path:
    path = os.environ.get("ASYNC_ENDPOINT_SERVING_ENV", str(ROOT / ".venv-serving"))
    monkeypatch.setenv("ASYNC_ENDPOINT_SERVING_ENV", path)
    return Path(path)


def write_printed_files(folder: Path) -> None:
    """Write the files that the tutorial prints: those with a path in their first line, and the samples."""
    for name, content in re.findall(r"^```python\n# (models/\S+)\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    for text, name in re.findall(r'^echo "(.+)" > (models/\S+)$', TUTORIAL, re.MULTILINE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "models/language/code/requirements.txt").touch()
    (folder / "models/language/my_model").mkdir()


def test_the_printed_files_give_the_printed_result(
    tmp_path: Path, serving_env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_printed_files(tmp_path)
    (tmp_path / "model_artifacts").symlink_to(ROOT / "model_artifacts")  # `model check` runs its pack.py
    monkeypatch.chdir(tmp_path)
    train = subprocess.run(
        [serving_env / "bin" / "python", "models/language/train.py"], capture_output=True, text=True, check=True
    )
    printed_loss = re.search(r"^loss (.+)$", TUTORIAL, re.MULTILINE)
    assert printed_loss
    assert float(train.stdout.split()[1]) == pytest.approx(float(printed_loss[1]), abs=0.001)  # processors differ
    printed = re.search(r"^\$ .venv/bin/async-endpoint (model check (?:.+\\\n)*.+)$", TUTORIAL, re.MULTILINE)
    assert printed
    check = CliRunner().invoke(main, shlex.split(printed[1].replace("\\\n", " ")))
    assert check.exit_code == 0, check.output
    printed_result = json.loads(next(line for line in TUTORIAL.splitlines() if line.startswith('{"language"')))
    result = json.loads(check.output.splitlines()[-1])
    assert result == printed_result | {"confidence": pytest.approx(printed_result["confidence"], abs=0.01)}
