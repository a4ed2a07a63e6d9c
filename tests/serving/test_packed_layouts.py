"""What the packing step accepts without code of its own, the image's serving toolkit loads; what it rejects fails."""

import json
import subprocess
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.containers.invocation import Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from model_artifacts import pack
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import list_members

SAVE = """
import sys, torch
network = torch.nn.Linear(3, 2)
scripted, state = sys.argv[1:]
torch.jit.save(torch.jit.script(network), scripted)
torch.save(network.state_dict(), state)
"""
# The toolkit as TorchServe's worker uses it, for one JSON request.
SERVE = """
import json, os, sys
folder = sys.argv[1]
os.environ["SAGEMAKER_PROGRAM"] = "inference.py"
sys.path.insert(0, os.path.join(folder, "code"))
from sagemaker_inference.transformer import Transformer
from sagemaker_pytorch_serving_container.default_pytorch_inference_handler import DefaultPytorchInferenceHandler
toolkit = Transformer(default_inference_handler=DefaultPytorchInferenceHandler())
toolkit.validate_and_initialize(model_dir=folder)
request = ("[[1, 2, 3]]", "application/json", "application/json")
print(toolkit._run_handler_function(toolkit._transform_fn, toolkit._model, *request))
"""
FROM_TOP = "import os, torch\ndef model_fn(model_dir): return torch.jit.load(os.path.join(model_dir, 'scripted.pt'))\n"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, serving_python: Path) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    subprocess.run([serving_python, "-c", SAVE, folder / "scripted.pt", folder / "state.pth"], check=True)
    return folder


def served(serving_python: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    # A worker of TorchServe runs in the folder of the model, and the toolkit looks for .pt files in the current folder.
    return subprocess.run(
        [serving_python, "-c", SERVE, folder], cwd=folder, capture_output=True, text=True, check=False
    )


def put(saved: Path, folder: Path, *names: str, code: str | None = None) -> None:
    for name in names:
        (folder / name).write_bytes((saved / name).read_bytes())
    if code is not None:
        (folder / "code").mkdir()
        (folder / "code" / "inference.py").write_text(code, encoding="utf-8")


@pytest.mark.serving
@pytest.mark.parametrize(
    "code",
    [
        None,
        "x = 1\n",
        FROM_TOP,
        f"{FROM_TOP}def predict_fn(data, model, context): return model(data)\n",
        f"{FROM_TOP}def output_fn(prediction, accept): return '[[0, 0]]'\n",
        f"{FROM_TOP}def transform_fn(model, data, content_type, accept): return '[[0, 0]]'\n",
    ],
)
def test_the_toolkits_defaults_are_enough(saved: Path, tmp_path: Path, serving_python: Path, code: str | None) -> None:
    put(saved, tmp_path, "scripted.pt", code=code)
    assert "scripted.pt" in [each.name for each in list_members(tmp_path)]
    done = served(serving_python, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)[0]) == 2


@pytest.mark.serving
@pytest.mark.parametrize(
    ("names", "code", "reason", "failure"),
    [
        (("state.pth",), None, "was not written by torch.jit.save", "saved using torchscript"),
        (("state.pth", "scripted.pt"), None, "there are several", "Exactly one .pth or .pt file"),
        ((), "x = 1\n", "does not define model_fn", "Exactly one .pth or .pt file"),
        (
            ("scripted.pt",),
            f"{FROM_TOP}def transform_fn(a, b, c, d): ...\ndef input_fn(a, b): ...\n",
            "defines transform_fn and input_fn",
            "Cannot use transform_fn implementation in conjunction",
        ),
    ],
)
def test_what_is_rejected_fails_in_the_toolkit(
    saved: Path,
    tmp_path: Path,
    serving_python: Path,
    names: tuple[str, ...],
    code: str | None,
    reason: str,
    failure: str,
) -> None:
    put(saved, tmp_path, *names, code=code)
    with pytest.raises(ArchiveError, match=reason):
        list_members(tmp_path)
    done = served(serving_python, tmp_path)
    assert done.returncode == 1
    assert failure in done.stderr


@pytest.mark.serving
def test_torchserve_serves_an_archive_of_one_torchscript_file(
    saved: Path, tmp_path: Path, serving_python: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    put(saved, folder, "scripted.pt")
    pack.pack(folder, tmp_path / "model.tar.gz", build=tmp_path / "build")
    variables = {"SAGEMAKER_PROGRAM": "inference.py"}
    serving = ServingEnvironment(serving_python.parents[1])
    container = ModelContainer(tmp_path / "model.tar.gz", variables, serving, tmp_path / "container")
    try:
        container.start()
        container.wait_ready(120)
        response = container.invoke(Invocation(b"[[1, 2, 3]]", content_type="application/json", timeout=30))
    finally:
        container.stop()
    assert response.status == 200
    assert len(json.loads(response.body)[0]) == 2
