"""What the Makefile learns of a stage."""

import subprocess
from pathlib import Path

import pytest

from stacks.settings.fields import SettingsError
from stacks.settings.shell import assignments
from stacks.settings.stage import StageSettings

ROOT = Path(__file__).resolve().parents[3]
LEAST = '[endpoint]\nname = "e"\ninstance_type = "ml.m5d.large"\ndevice = "cpu"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with stages and a sample."""
    (tmp_path / "config").mkdir()
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "one.txt").write_text("bonjour")
    (tmp_path / "config" / "least.toml").write_text(LEAST)
    (tmp_path / "config" / "other.toml").write_text(
        f'region = "eu-west-1"\n{LEAST}[model]\nsample = "samples/one.txt"\n'
    )
    (tmp_path / "config" / "gone.toml").write_text(f'{LEAST}[model]\nsample = "samples/two.txt"\n')
    return tmp_path


def test_a_stage_without_region_and_sample_has_the_default_and_none(root: Path) -> None:
    assert assignments(root, "least") == f"REGION={StageSettings.model_fields['region'].default} SAMPLE=''"


def test_a_stage_has_its_own(root: Path) -> None:
    assert assignments(root, "other") == "REGION=eu-west-1 SAMPLE=samples/one.txt"


def test_a_sample_that_is_missing_is_an_error(root: Path) -> None:
    with pytest.raises(SettingsError, match=r'model.sample is "samples/two.txt", which is not a file'):
        assignments(root, "gone")


@pytest.mark.parametrize("target", ["destroy", "deploy"])
def test_make_stops_at_a_stage_that_cannot_be_read(target: str) -> None:
    made = ["-o", ".venv/.done", "-o", "node_modules/.done"]
    finished = subprocess.run(
        ["make", "--no-print-directory", *made, target, "STAGE=nope"],  # noqa: S607 - make is found on PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode
    assert "config/ has no nope.toml" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stdout == ""
