"""The lock of each image: what the image holds, and nothing else; and the environment that is built from it."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from async_endpoint.emulator.containers import environment
from async_endpoint.protocol.serving_images import IMAGES, ServingImage
from tests.emulator.containers.conftest import REPOSITORY
from tests.support.serving import serving_environment


def python(program: Path, code: str) -> str:
    return subprocess.run(
        [program, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \n]+)", text.lower(), re.MULTILINE))


EACH_IMAGE = pytest.mark.parametrize("image", IMAGES.values(), ids=list(IMAGES))


def lock_of(image: ServingImage) -> Path:
    return environment.LOCKS / f"{image.name}.lock"


@EACH_IMAGE
def test_a_lock_pins_every_package_with_hashes_and_names_no_host(image: ServingImage) -> None:
    lock = lock_of(image).read_text()
    assert not re.search(r"https?:|index-url|file:", lock)
    packages = re.split(r"\n(?=[^\s#])", lock.strip())
    assert len(packages) == len(pins(lock)) > 20
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", package) for package in packages)


# Their Dockerfiles' own versions, then those that were the newest on the day before their tags.
IN_THE_IMAGE = {
    "pytorch-1.11": {
        "torch": "1.11.0", "torchvision": "0.12.0", "torchserve": "0.6.0", "torch-model-archiver": "0.6.0",
        "sagemaker-pytorch-inference": "2.0.10", "numpy": "1.22.2", "enum-compat": "0.0.3",
        "sagemaker-inference": "1.8.1", "pillow": "9.4.0", "pyyaml": "5.4.1", "scipy": "1.10.1", "psutil": "5.9.4",
        "packaging": "23.0", "typing-extensions": "4.5.0", "requests": "2.28.2", "urllib3": "1.26.14",
        "certifi": "2022.12.7", "idna": "3.4", "future": "0.18.3", "retrying": "1.3.3", "boto3": "1.26.83",
        "pip": "23.0.1", "setuptools": "65.6.3",
    },
    "pytorch-2.6": {
        "torch": "2.6.0", "torchvision": "0.21.0", "torchserve": "0.12.0", "torch-model-archiver": "0.12.0",
        "sagemaker-pytorch-inference": "2.0.25", "psutil": "5.9.8", "packaging": "23.2", "pyyaml": "6.0.1",
        "numpy": "2.4.6", "pillow": "12.2.0", "scipy": "1.17.1", "requests": "2.34.2", "setuptools": "81.0.0",
        "boto3": "1.43.25",
    },
    "huggingface-2.6": {
        "torch": "2.6.0", "torchvision": "0.21.0", "transformers": "5.5.3", "huggingface-hub": "1.10.0",
        "accelerate": "1.12.0", "peft": "0.18.1", "diffusers": "0.38.0", "multi-model-server": "1.1.11",
        "sagemaker-huggingface-inference-toolkit": "2.6.0", "enum-compat": "0.0.3",
        "sagemaker-inference": "1.10.1", "numpy": "1.26.4", "pillow": "12.2.0", "tokenizers": "0.22.2",
        "safetensors": "0.8.0rc0", "boto3": "1.43.6",
    },
}  # fmt: skip
LEFT_OUT = {"torchaudio"}  # named to hold back the versions of others


@EACH_IMAGE
def test_a_lock_holds_what_the_image_holds(image: ServingImage) -> None:
    locked, known = pins(lock_of(image).read_text()), IN_THE_IMAGE[image.name]
    assert {name: locked.get(name) for name in known} == known
    asked = pins(lock_of(image).with_suffix(".txt").read_text())
    assert {name: locked.get(name) for name in asked.keys() - LEFT_OUT} == {
        name: version for name, version in asked.items() if name not in LEFT_OUT
    }
    toolkit, version = image.toolkit.split()
    server = {"TorchServe": "torchserve", "Multi Model Server": "multi-model-server"}[image.server]
    of_the_table = {**image.packages, toolkit: version, server: image.server_version}
    assert of_the_table.items() <= locked.items()


def test_a_lock_holds_nothing_of_the_model_s() -> None:
    locked = pins(lock_of(IMAGES["pytorch-1.11"]).read_text())
    archive = pins((REPOSITORY / "model_artifacts" / "code" / "requirements.txt").read_text())
    assert archive
    assert not archive.keys() & locked.keys()


@pytest.mark.serving
@EACH_IMAGE
def test_a_serving_environment_holds_its_lock(image: ServingImage) -> None:
    serving = serving_environment(image)
    found = f"importlib.metadata.distributions(path=[{str(serving.site_packages)!r}])"
    code = f"import importlib.metadata, json; print(json.dumps({{d.metadata['Name']: d.version for d in {found}}}))"
    installed = json.loads(python(serving.python, code))
    assert pins(serving.lock.read_text()) == {
        name.lower().replace("_", "-"): version for name, version in installed.items()
    }


@pytest.mark.serving
@EACH_IMAGE
def test_torch_computes_on_the_processor_of_a_machine_without_a_gpu(image: ServingImage) -> None:
    code = "import torch, torchvision; print(torch.nn.Conv2d(1, 1, 3)(torch.ones(1, 1, 8, 8)).shape[-1], end=' ')"
    linear = "print(torch.linalg.solve(torch.eye(2), torch.ones(2)).tolist(), torch.cuda.is_available())"
    assert python(serving_environment(image).python, f"{code}; {linear}") == "6 [1.0, 1.0] False"
