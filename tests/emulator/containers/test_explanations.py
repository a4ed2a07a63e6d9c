"""What stands behind a failure, told from the archive's files and the machine."""

from pathlib import Path

import pytest

from async_endpoint.emulator.containers.explanations import missing_opt_ml, missing_program
from async_endpoint.emulator.containers.multi_model_server import MULTI_MODEL_SERVER
from async_endpoint.emulator.containers.opt_ml import NONE_HERE
from async_endpoint.emulator.containers.server_adapter import ServerAdapter
from async_endpoint.emulator.containers.torchserve import TORCHSERVE


def unpacked(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("names", "environment"),
    [
        (("code/inference.py",), {}),
        (("code/inference/__init__.py",), {}),
        (("inference.py",), {}),  # TorchServe has the archive's folder on the import path
        (("code/serve.py",), {"SAGEMAKER_PROGRAM": "serve.py"}),
        (("code/serve.py",), {"SAGEMAKER_PROGRAM": "serve"}),
    ],
)
def test_code_that_is_found_needs_no_word(tmp_path: Path, names: tuple[str, ...], environment: dict[str, str]) -> None:
    assert missing_program(unpacked(tmp_path, *names), environment, TORCHSERVE.without_code) is None


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ("model/code/inference.py", "model/code/net.py"),
            "it has model/code/inference.py: pack what is inside of model/.",
        ),
        (("a/b/code/inference.py",), "it has a/b/code/inference.py: pack what is inside of a/b/."),
        (("code/Inference.py",), "it has code/Inference.py: name it code/inference.py."),
        (("Code/inference.py",), "it has Code/inference.py: name it code/inference.py."),
        (("src/inference.py",), "it has src/inference.py: move it to code/inference.py."),
        (("code/model.py", "code/net.py"), "it has code/model.py, code/net.py: rename the one with model_fn, or set"),
    ],
)
def test_code_that_is_not_found_is_told_with_the_cure(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    sentence = missing_program(unpacked(tmp_path, *names), {}, TORCHSERVE.without_code) or ""
    assert sentence.startswith("There is no code/inference.py in the archive")
    assert said in sentence


@pytest.mark.parametrize(
    ("server", "done"),
    [(TORCHSERVE, "loads the TorchScript file"), (MULTI_MODEL_SERVER, "makes a pipeline (HF_TASK) of the files")],
)
def test_an_archive_without_code_is_told_what_the_toolkit_does(
    tmp_path: Path, server: ServerAdapter, done: str
) -> None:
    assert missing_program(unpacked(tmp_path, "model.pth"), {}, server.without_code) == (
        f"The archive has no code/inference.py: the toolkit {done} at the top of it and uses its default functions."
    )


def test_the_program_that_the_variables_name_is_looked_for(tmp_path: Path) -> None:
    sentence = missing_program(
        unpacked(tmp_path, "code/inference.py"), {"SAGEMAKER_PROGRAM": "serve.py"}, TORCHSERVE.without_code
    )
    assert sentence == (
        "There is no code/serve.py in the archive; it has code/inference.py: rename the one with model_fn, or set "
        "SAGEMAKER_PROGRAM to its name."
    )


def test_a_path_in_opt_ml_is_explained_where_the_machine_has_none(tmp_path: Path) -> None:
    log = tmp_path / "container.log"
    failure = "FileNotFoundError: [Errno 2] No such file or directory: '/opt/ml/model/weights.json'"
    log.write_text("['torchserve']\n")
    assert missing_opt_ml(failure, log) is None
    log.write_text(f"{NONE_HERE}Operation not permitted.\n['torchserve']\n")
    assert "The model_dir that model_fn gets works in both" in (missing_opt_ml(failure, log) or "")
    assert missing_opt_ml("KeyError: 'a'", log) is None
