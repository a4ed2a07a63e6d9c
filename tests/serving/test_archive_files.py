"""What can be said of the archive's files without running them."""

import ast
import re
import sys
from pathlib import Path

import pytest

from async_endpoint.protocol import ANY_IMAGE, FORMATS
from async_endpoint.protocol.serving_images import IMAGES
from model_artifacts.packing.requirement_rules import included

CODE = Path(__file__).resolve().parents[2] / "model_artifacts" / "code"
MODULES = sorted(CODE.glob("*.py"))
# Of the serving image and of requirements.txt.
INSTALLED = {
    "PIL",
    "donut",
    "numpy",
    "pi_heif",
    "pillow_avif",
    "pypdfium2",
    "safetensors",
    "sagemaker_inference",
    "sentencepiece",
    "simplejpeg",
    "timm",
    "torch",
    "torchvision",
    "transformers",
}


def imported_packages(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"), feature_version=(3, 8))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in plain | named}


EXPERIMENT = ["pytorch-lightning==1.6.4", "transformers==4.11.3", "timm==0.5.4", "donut-python==1.0.9"]


@pytest.mark.parametrize(
    ("image", "network"),
    [
        ("pytorch-1.11", EXPERIMENT),
        ("pytorch-2.6", ["transformers==5.5.3"]),
        ("huggingface-2.6", ["transformers==5.5.3"]),
    ],
)
def test_the_requirements_are_one_library_of_networks_for_each_image_and_readers_of_files(
    image: str, network: list[str]
) -> None:
    """For Python 3.8 the four pins are a published experiment's; the Hugging Face image brings its own."""
    required = [pin.text.partition(";")[0] for pin in included(CODE / "requirements.txt", IMAGES[image])]
    assert [each for each in required if each in network] == network
    assert {each.split("==")[0] for each in required if each not in network} == {
        "pi-heif", "pillow-avif-plugin", "pypdfium2", "safetensors", "sentencepiece", "simplejpeg",
    }  # fmt: skip


def test_the_container_takes_every_media_type_that_client_and_intake_know() -> None:
    tree = ast.parse((CODE / "request_parsing.py").read_text(encoding="utf-8"))
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    images, pdf = (ast.literal_eval(constants[name]) for name in ("IMAGE_TYPES", "PDF_TYPE"))

    # image/jpg is not registered, yet common.
    assert {each.media_type for each in FORMATS} == {*images, pdf} - {"image/jpg"}
    assert {each.sent_as for each in FORMATS} <= {ANY_IMAGE, *images, pdf}


@pytest.mark.parametrize(
    ("name", "least"),
    [("requirements.lock", 15), ("requirements.pytorch-2.6.lock", 15), ("requirements.huggingface-2.6.lock", 5)],
)
def test_the_locks_have_hashes_and_name_no_host(name: str, least: int) -> None:
    lock = (CODE / name).read_text(encoding="utf-8")

    assert "://" not in lock
    assert "index-url" not in lock
    packages = re.split(r"\n(?=[a-z])", lock)[1:]
    assert len(packages) >= least
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", package) for package in packages)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_imports_nothing_of_ours_outside_the_archive(module: Path) -> None:
    own = {path.stem for path in MODULES}

    assert imported_packages(module) <= own | INSTALLED | sys.stdlib_module_names


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_is_ascii_since_a_traceback_shows_its_lines_to_the_worker(module: Path) -> None:
    assert module.read_bytes().isascii()
