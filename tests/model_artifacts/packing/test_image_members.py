"""What is packed for one image: its lock, its server's file, and nothing of another's."""

from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import INCLUDED, INSTALL, list_members
from tests.stacks.templates import ROOT, write_artifacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_artifacts(tmp_path / "artifacts")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def names(folder: Path, dependencies: str = INCLUDED, image: ImageName = DEFAULT_IMAGE) -> list[str]:
    return [each.name for each in list_members(folder, dependencies, image=image)]


def rejection(folder: Path, image: ImageName = DEFAULT_IMAGE) -> str:
    with pytest.raises(ArchiveError) as caught:
        list_members(folder, image=image)
    return str(caught.value)


LOCKS: dict[ImageName, str] = {
    "pytorch-1.11": "requirements.lock",
    "pytorch-2.6": "requirements.pytorch-2.6.lock",
    "huggingface-2.6": "requirements.huggingface-2.6.lock",
}


def test_each_image_has_a_lock_of_its_own_and_an_archive_has_that_alone() -> None:
    code = ROOT / "model_artifacts"
    for image, lock in LOCKS.items():
        assert f"code/{lock}" in names(code, INCLUDED, image)
        assert not {f"code/{other}" for other in LOCKS.values()} & set(names(code, INSTALL, image))
        others = {f"code/{other}" for other in LOCKS.values() if other != lock}
        assert not others & set(names(code, INCLUDED, image))


def test_the_archive_for_multi_model_server_names_its_handler() -> None:
    found = {image: "MAR-INF/MANIFEST.json" in names(ROOT / "model_artifacts", image=image) for image in LOCKS}
    assert found == {"pytorch-1.11": False, "pytorch-2.6": False, "huggingface-2.6": True}


def test_locks_hold_hashes_and_no_host_and_nothing_that_the_image_brings() -> None:
    for name, lock in LOCKS.items():
        text = (ROOT / "model_artifacts" / "code" / lock).read_text(encoding="utf-8")
        assert "://" not in text
        packages = [line.split("==")[0] for line in text.splitlines() if "==" in line]
        assert packages == sorted(packages)
        assert text.count("--hash=sha256:") >= len(packages)
        assert not {*IMAGES[name].packages, "numpy", "pillow"} & set(packages)
        assert not [package for package in packages if package.startswith(("nvidia", "triton"))]


def test_the_missing_lock_of_another_image_is_that_image_s_alone(folder: Path) -> None:
    write(folder / "code" / "requirements.txt", "some-package==1.0; python_version >= '3.9'\n")
    assert names(folder)
    assert rejection(folder, image="pytorch-2.6") == (
        f"{folder}/code/requirements.pytorch-2.6.lock is missing, and the packages of requirements.txt cannot be "
        f"included without it; run async-endpoint model lock --folder {folder} --image pytorch-2.6, or set "
        'model.dependencies = "install".'
    )


def test_a_line_for_another_image_does_not_make_a_lock_outdated(folder: Path) -> None:
    code = ROOT / "model_artifacts" / "code"
    for path in code.glob("requirements*"):
        write(folder / "code" / path.name, path.read_text(encoding="utf-8"))
    write(folder / "code" / "vendor.toml", (code / "vendor.toml").read_text(encoding="utf-8"))
    with (folder / "code" / "requirements.txt").open("a", encoding="utf-8") as requirements:
        requirements.write('some-package==1.0; python_version < "3.9"\n')
    assert "requirements.lock is outdated" in rejection(folder)
    assert names(folder, image="pytorch-2.6")
    assert names(folder, image="huggingface-2.6")


def test_a_lock_with_a_package_that_the_image_brings_is_outdated(folder: Path) -> None:
    code = ROOT / "model_artifacts" / "code"
    for name in ("requirements.txt", "vendor.toml", "requirements.lock"):
        write(folder / "code" / name, (code / name).read_text(encoding="utf-8"))
    assert names(folder)
    with (folder / "code" / "requirements.lock").open("a", encoding="utf-8") as lock:
        lock.write("Torch==1.11.0 \\\n    --hash=sha256:0\n")
    assert "requirements.lock is outdated" in rejection(folder)


def test_an_unpacked_archive_s_own_note_of_its_image_is_not_packed_again(folder: Path) -> None:
    write(folder / "weights.pt", "x")
    write(folder / "packed_for.json", "{}")
    write(folder / "labels.json", "{}")
    assert {"labels.json", "weights.pt"} <= set(names(folder))
    assert "packed_for.json" not in names(folder)


def test_an_unpacked_archive_s_packages_are_not_packed_for_another_python(folder: Path) -> None:
    write(folder / "code" / "vendor" / "fast" / "_core.cpython-38-x86_64-linux-gnu.so", "")
    assert names(folder)
    assert "is compiled for Python 3.8, and the image pytorch-2.6 has Python 3.12" in rejection(
        folder, image="pytorch-2.6"
    )
