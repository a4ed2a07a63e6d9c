"""`async-endpoint model pack`, and `model check` on what it packs."""

import tarfile
from pathlib import Path

import pytest

from tests.cli.model_command import EXAMPLE, run

pytestmark = pytest.mark.serving


def test_pack_prints_the_archive_of_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("pack", "--folder", EXAMPLE, monkeypatch=monkeypatch)

    assert done.exit_code == 0, done.output
    shown = done.stdout.strip()
    assert not Path(shown).is_absolute()
    with tarfile.open(shown) as tar:
        assert {"code/inference.py", "my_model/model.pth"} <= set(tar.getnames())


def test_another_program_is_packed_and_checked(example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example / "code" / "inference.py").rename(example / "code" / "serve.py")
    arguments = ("--sample", sample, "--content-type", "application/json")
    variable = ("--environment", "SAGEMAKER_PROGRAM=serve.py")

    refused = run("pack", "--folder", example, monkeypatch=monkeypatch)
    packed = run("pack", "--folder", example, "--program", "serve.py", monkeypatch=monkeypatch)
    checked = run("check", "--folder", example, *arguments, *variable, monkeypatch=monkeypatch)

    assert (refused.exit_code, packed.exit_code, checked.exit_code) == (1, 0, 0), checked.output
    assert f"{packed.stdout.strip()}: " in checked.output


@pytest.mark.parametrize("place", ["inference.py", "code/inference/__init__.py"])
def test_code_that_the_container_finds_elsewhere_is_packed_and_works(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "model" / place
    script.parent.mkdir(parents=True)
    script.write_text(
        "def model_fn(model_dir): return 1\ndef input_fn(body, content_type): return 2\n"
        "def predict_fn(data, model): return data\ndef output_fn(prediction, accept): return 'mine'\n",
        encoding="utf-8",
    )
    (tmp_path / "text.txt").write_text("x", encoding="utf-8")
    arguments = ("--sample", tmp_path / "text.txt", "--content-type", "text/plain")

    done = run("check", "--folder", tmp_path / "model", *arguments, monkeypatch=monkeypatch)

    assert done.exit_code == 0, done.output
    assert done.output.endswith("mine\n")
    assert "model.tar.gz: 0.0 MB, 2 files, " in done.output


def test_outside_of_the_repository_there_is_nothing_to_pack_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("pack", "--folder", EXAMPLE, monkeypatch=monkeypatch, folder=tmp_path)

    assert done.exit_code == 1
    assert "model_artifacts/pack.py does not exist here: run this in the app's repository" in done.output
