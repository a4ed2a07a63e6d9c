"""An archive in a container of another image says so before anything of its packages is imported."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from async_endpoint.protocol.packed_for import PackedFor
from async_endpoint.protocol.serving_images import IMAGES, ImageName
from model_artifacts import pack
from tests.stacks.templates import ROOT, write_artifacts

THIS_PYTHON = ".".join(map(str, sys.version_info[:2]))
OURS = PackedFor("pytorch-2.6", THIS_PYTHON, {"torch": "2.6.0", "torchvision": "0.21.0", "transformers": "5.5.3"})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An unpacked archive with a package, in a container."""
    (tmp_path / "model" / "code" / "vendor").mkdir(parents=True)
    (tmp_path / "model" / "code" / "vendor" / "brought.py").write_text("", encoding="utf-8")
    shutil.copy(ROOT / "model_artifacts" / "code" / "vendored.py", tmp_path / "model" / "code")
    return tmp_path / "model"


def load(model: Path, installed: dict[str, str], code: str = "code") -> subprocess.CompletedProcess[str]:
    """Imports the module, and then a package of the archive, in a Python with these packages."""
    site = model.parent / "site-packages"
    for name, version in installed.items():
        (site / f"{name}-{version}.dist-info").mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (site / f"{name}-{version}.dist-info" / "METADATA").write_text(metadata, encoding="utf-8")
    program = f"import sys; sys.path[:0] = [{str(model / code)!r}, {str(site)!r}]; import vendored, brought"
    return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert done.stderr.isascii()
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "installed",
    [
        {"torch": "2.6.0", "torchvision": "0.21.0", "transformers": "5.5.3"},
        {"torch": "2.6.0+cu124", "torchvision": "0.21.0+cu124", "transformers": "5.5.3"},
        {"torch": "2.6.1", "torchvision": "0.21.1", "transformers": "5.6.0", "more": "1"},
    ],
)
def test_the_image_itself_and_one_that_is_built_from_it_pass(model: Path, installed: dict[str, str]) -> None:
    (model / "packed_for.json").write_bytes(OURS.to_json())
    done = load(model, installed)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        (
            {"torch": "1.11.0", "torchvision": "0.12.0", "transformers": "4.11.3"},
            "torch 1.11.0, torchvision 0.12.0, transformers 4.11.3",
        ),
        ({"torch": "2.6.0", "torchvision": "0.21.0"}, "torch 2.6.0, torchvision 0.21.0, no transformers"),
        ({}, "no torch, no torchvision, no transformers"),
    ],
)
def test_other_packages_are_an_error_that_names_both_images(model: Path, installed: dict[str, str], found: str) -> None:
    (model / "packed_for.json").write_bytes(OURS.to_json())
    assert sentence(load(model, installed)) == (
        f"vendored.WrongImageError: This archive is packed for the image pytorch-2.6 (Python {THIS_PYTHON}, torch "
        f"2.6.0, torchvision 0.21.0, transformers 5.5.3), and this container has Python {THIS_PYTHON} and {found}: "
        "pack it for the endpoint's image with async-endpoint model pack --image NAME, or set endpoint.image to "
        "pytorch-2.6."
    )


@pytest.mark.parametrize("image", IMAGES)
def test_a_packed_archive_does_not_load_in_another_python(tmp_path: Path, image: ImageName) -> None:
    """No image has the Python that runs this."""
    folder = write_artifacts(tmp_path / "artifacts")
    shutil.copy(ROOT / "model_artifacts" / "code" / "vendored.py", folder / "code")
    pack.pack(folder, tmp_path / "model.tar.gz", image=image)
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        tar.extractall(tmp_path / "model", filter="data")
    said = sentence(load(tmp_path / "model", dict(IMAGES[image].packages)))
    if IMAGES[image].python == THIS_PYTHON:
        assert said == "ModuleNotFoundError: No module named 'brought'"
    else:
        assert f"is packed for the image {image} (Python {IMAGES[image].python}, torch " in said
        assert f"and this container has Python {THIS_PYTHON} and torch " in said


def test_code_at_the_top_of_the_archive_is_checked_too(model: Path) -> None:
    (model / "packed_for.json").write_bytes(OURS.to_json())
    shutil.copy(model / "code" / "vendored.py", model)
    assert "this container has" in sentence(load(model, {}, code="."))


def test_an_archive_that_names_no_image_loads(model: Path) -> None:
    assert load(model, {}).returncode == 0
