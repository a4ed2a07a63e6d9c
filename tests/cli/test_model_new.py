"""`async-endpoint model new`, and the container on what it writes."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from async_endpoint.cli import main
from tests.support.serving import SERVING_ENV

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "cdk.json").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.serving
def test_a_new_model_processes_its_sample_in_the_container(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = CliRunner().invoke(main, ["model", "new", "mine"])
    monkeypatch.chdir(ROOT)  # the packing step is in the app's own checkout
    folder = str(checkout / "models" / "mine")
    checked = CliRunner().invoke(
        main,
        ["model", "check", "--folder", folder, "--sample", f"{folder}/samples/one.txt",
         "--serving-env", str(SERVING_ENV)],
    )  # fmt: skip

    assert written.exit_code == 0, written.output
    assert "models/mine/code/inference.py\n" in written.stdout
    assert "make deploy STAGE=mine" in written.stdout
    assert checked.exit_code == 0, checked.output
    assert '{"label": "english", "words": 8}' in checked.output


def test_a_second_one_of_the_name_is_one_sentence(checkout: Path) -> None:
    CliRunner().invoke(main, ["model", "new", "mine"])
    again = CliRunner().invoke(main, ["model", "new", "mine"])

    assert (again.exit_code, again.stderr) == (
        1,
        "Error: models/mine exists, and is left as it is: choose another name.\n",
    )
    assert (checkout / "models" / "mine").is_dir()
