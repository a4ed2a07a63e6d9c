from pathlib import Path

import pytest

from async_endpoint.emulator.containers.environment import Overlay
from async_endpoint.emulator.containers.torchserve import TORCHSERVE
from async_endpoint.emulator.containers.variables import Folders, container_environment


@pytest.fixture
def made(tmp_path: Path) -> "dict[str, str]":
    return make(tmp_path, {})


def make(folder: Path, model: dict[str, str]) -> dict[str, str]:
    return container_environment(
        model,
        overlay=Overlay(folder / "overlay"),
        folders=Folders.from_workdir(folder, folder / "scratch"),
        server=TORCHSERVE.variables([20001, 20002, 20003, 20004]),
        threads=2,
    )


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "PYTHONPATH", "PIP_INDEX_URL", "TS_PLUGINS_PATH", "MY_TOKEN"]
)
def test_the_hosts_variables_stay_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "the host's")
    variables = make(tmp_path, {})
    assert name not in variables
    assert "the host's" not in variables.values()


def test_home_and_temporary_files_are_the_containers_own(made: dict[str, str], tmp_path: Path) -> None:
    assert made["HOME"] == str(tmp_path / "home")
    assert made["TMPDIR"] == made["TEMP"] == str(tmp_path / "scratch")
    assert made["PATH"].startswith(f"{tmp_path}/overlay/bin:")


def test_every_address_is_the_loopbacks(made: dict[str, str]) -> None:
    addresses = {name: value for name, value in made.items() if name.endswith("_ADDRESS")}
    assert len(addresses) == 3
    assert {value.removeprefix("http://").partition(":")[0] for value in addresses.values()} == {"127.0.0.1"}


def test_the_models_variables_win_over_defaults_but_not_over_what_keeps_containers_apart(tmp_path: Path) -> None:
    variables = make(
        tmp_path,
        {"SAGEMAKER_MODEL_SERVER_WORKERS": "3", "TS_INFERENCE_ADDRESS": "http://0.0.0.0:80", "OMP_NUM_THREADS": "64"},
    )
    assert variables["SAGEMAKER_MODEL_SERVER_WORKERS"] == "3"
    assert variables["TS_INFERENCE_ADDRESS"] == "http://127.0.0.1:20001"
    assert variables["OMP_NUM_THREADS"] == "2"


def test_one_worker_unless_the_model_says_otherwise(made: dict[str, str]) -> None:
    assert made["SAGEMAKER_MODEL_SERVER_WORKERS"] == "1"
