"""The lock has one version of each package, with the hashes that requirements.txt allows."""

import functools
import hashlib
import os
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ServingImage
from model_artifacts import pack
from model_artifacts.packing import locking, pins, vendoring
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import list_members
from tests.stacks.templates import write_artifacts


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return write_artifacts(tmp_path / "artifacts") / "code"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder behind a package index that the environment names as uv's only one."""
    (tmp_path / "index").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=tmp_path / "index"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("UV_INDEX_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    yield tmp_path / "index"
    server.shutdown()
    thread.join()
    server.server_close()


def add_wheel(
    wheels: Path, name: str, tag: str = "py3-none-any", *, version: str = "1.0", requires: tuple[str, ...] = ()
) -> str:
    """Adds a wheel with one module to the index, and returns its hash."""
    path, folder = wheels / name / f"{name}-{version}-{tag}.whl", f"{name}-{version}.dist-info"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"tag = '{tag}'\n")
        needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
        wheel.writestr(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        wheel.writestr(f"{folder}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{folder}/RECORD", "")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with (path.parent / "index.html").open("a", encoding="utf-8") as page:
        page.write(f'<a href="{path.name}#sha256={found}">{path.name}</a>\n')
    return f"sha256:{found}"


def lock(code: Path, requirements: str, image: ServingImage = IMAGES[DEFAULT_IMAGE]) -> list[str]:
    (code / "requirements.txt").write_text(requirements, encoding="utf-8")
    return re.findall(r"--hash=(\S+)", locking.lock(code, image).read_text(encoding="utf-8"))


@pytest.mark.parametrize("variable", ["UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"])
def test_packages_of_another_place_come_from_the_environment(
    code: Path, wheels: Path, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_wheel(wheels, "ours")
    place = str(wheels / "ours") if variable == "UV_FIND_LINKS" else os.environ["UV_INDEX_URL"]
    if variable == "UV_FIND_LINKS":
        monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.delenv("UV_INDEX_URL")
    monkeypatch.setenv(variable, place)
    assert len(lock(code, "ours==1.0\n")) == 1
    members = vendoring.vendored_members(code, tmp_path / "vendor", IMAGES[DEFAULT_IMAGE])
    assert "code/vendor/ours.py" in [each.name for each in members]
    assert list_members(code.parent), "the lock is up to date"


def test_without_hashes_in_the_requirements_the_lock_has_those_of_every_wheel(code: Path, wheels: Path) -> None:
    hashes = {add_wheel(wheels, "ours"), add_wheel(wheels, "ours", "cp38-cp38-manylinux_2_17_x86_64")}
    assert set(lock(code, "ours==1.0\n")) == hashes


def test_the_lock_has_no_hash_that_the_requirements_do_not_allow(code: Path, wheels: Path, tmp_path: Path) -> None:
    allowed = add_wheel(wheels, "ours")
    add_wheel(wheels, "ours", "cp38-cp38-manylinux_2_17_x86_64")
    other = add_wheel(wheels, "theirs")
    text = f"ours==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash={allowed}\ntheirs==1.0\n"
    assert lock(code, text) == [allowed, other]
    members = vendoring.vendored_members(code, tmp_path / "vendor", IMAGES[DEFAULT_IMAGE])
    (module,) = (each.path for each in members if each.name.endswith("/ours.py"))
    assert module.read_text(encoding="utf-8") == "tag = 'py3-none-any'\n"


def test_hashes_of_no_wheel_are_rejected(code: Path, wheels: Path) -> None:
    add_wheel(wheels, "ours")
    with pytest.raises(ArchiveError) as caught:
        lock(code, f"ours==1.0 --hash=sha256:{'0' * 64}\n")
    assert str(caught.value) == (
        f"{code}/requirements.txt has other hashes for ours==1.0 than the package index; correct the version or the "
        "hashes."
    )


def test_changed_hashes_make_the_lock_outdated(code: Path, wheels: Path) -> None:
    allowed = add_wheel(wheels, "ours")
    lock(code, "ours==1.0\n")
    (code / "requirements.txt").write_text(f"ours==1.0 --hash={allowed}\n", encoding="utf-8")
    with pytest.raises(ArchiveError, match=r"requirements\.lock is outdated"):
        list_members(code.parent)


def test_arbitrary_equality_is_locked(code: Path, wheels: Path) -> None:
    add_wheel(wheels, "ours")
    assert len(lock(code, "ours===1.0\n")) == 1


NEW = IMAGES["pytorch-2.6"]
HUGGING_FACE = IMAGES["huggingface-2.6"]


def locked(code: Path, requirements: str, image: ServingImage) -> list[str]:
    """The packages of the lock that these requirements have for an image."""
    lock(code, requirements, image)
    return re.findall(r"^(\S+)==", (code / pins.lock_name(image)).read_text(encoding="utf-8"), re.MULTILINE)


def modules(code: Path, cache: Path, image: ServingImage) -> dict[str, str]:
    """The modules that an archive for an image includes, with their text."""
    found = vendoring.vendored_members(code, cache, image)
    return {each.path.name: each.path.read_text(encoding="utf-8") for each in found if each.name.endswith(".py")}


def test_each_image_gets_the_wheels_and_the_versions_for_its_python(code: Path, wheels: Path, tmp_path: Path) -> None:
    for tag in ("cp38-cp38-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_28_x86_64"):
        add_wheel(wheels, "ours", tag)
    add_wheel(wheels, "theirs")
    add_wheel(wheels, "theirs", version="2.0")
    text = "ours==1.0\ntheirs==1.0; python_version < '3.9'\ntheirs==2.0; python_version >= '3.9'\n"
    for image in (IMAGES[DEFAULT_IMAGE], NEW):
        lock(code, text, image)
    assert modules(code, tmp_path / "vendor", IMAGES[DEFAULT_IMAGE])["ours.py"] == (
        "tag = 'cp38-cp38-manylinux_2_17_x86_64'\n"
    )
    assert modules(code, tmp_path / "vendor", NEW)["ours.py"] == "tag = 'cp312-cp312-manylinux_2_28_x86_64'\n"
    assert "theirs==1.0" in (code / "requirements.lock").read_text(encoding="utf-8")
    assert "theirs==2.0" in (code / "requirements.pytorch-2.6.lock").read_text(encoding="utf-8")


def test_a_package_without_a_wheel_for_the_image_s_python_is_a_sentence(code: Path, wheels: Path) -> None:
    add_wheel(wheels, "ours", "cp38-cp38-manylinux_2_17_x86_64")
    lock(code, "ours==1.0\n")
    with pytest.raises(ArchiveError) as caught:
        lock(code, "ours==1.0\n", NEW)
    assert str(caught.value).startswith("No compatible versions were found for the image pytorch-2.6: ")


def test_one_lock_of_two_images_with_other_pythons_is_not_downloaded_as_one(
    code: Path, wheels: Path, tmp_path: Path
) -> None:
    for tag in ("cp38-cp38-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_28_x86_64"):
        add_wheel(wheels, "ours", tag)
    lock(code, "ours==1.0\n")
    (code / "requirements.pytorch-2.6.lock").write_bytes((code / "requirements.lock").read_bytes())
    found = [modules(code, tmp_path / "vendor", image)["ours.py"] for image in (IMAGES[DEFAULT_IMAGE], NEW)]
    assert found[0] != found[1]


def test_what_the_image_brings_and_what_only_that_requires_is_not_locked(code: Path, wheels: Path) -> None:
    """As in reality: torch requires the CUDA libraries, which are larger than all else together."""
    add_wheel(wheels, "cuda")
    add_wheel(wheels, "shared")
    add_wheel(wheels, "viaduct")
    add_wheel(wheels, "via")
    for image in IMAGES.values():
        add_wheel(wheels, "torch", version=image.packages["torch"], requires=("cuda", "shared", "via"))
    add_wheel(wheels, "ours", requires=("torch", "shared", "viaduct"))
    for image in IMAGES.values():
        assert locked(code, "ours==1.0\n", image) == ["ours", "shared", "viaduct"]
        version = image.packages["torch"]
        assert locked(code, f"ours==1.0\ntorch=={version}\n", image) == ["ours", "shared", "viaduct"]


def test_transformers_is_locked_for_the_images_that_do_not_bring_it(code: Path, wheels: Path, tmp_path: Path) -> None:
    add_wheel(wheels, "hub")
    add_wheel(wheels, "transformers", version="5.5.3", requires=("hub",))
    assert locked(code, "transformers==5.5.3\n", NEW) == ["hub", "transformers"]
    assert locked(code, "transformers==5.5.3\n", HUGGING_FACE) == []
    assert modules(code, tmp_path / "vendor", HUGGING_FACE) == {}
    assert list_members(code.parent, image="huggingface-2.6"), "the empty lock is up to date"


def test_a_package_that_needs_another_torch_than_the_image_s_is_rejected(code: Path, wheels: Path) -> None:
    for image in IMAGES.values():
        add_wheel(wheels, "torch", version=image.packages["torch"])
    add_wheel(wheels, "ours", requires=("torch>=2",))
    assert locked(code, "ours==1.0\n", NEW) == ["ours"]
    with pytest.raises(ArchiveError, match=r"No compatible versions were found for the image pytorch-1\.11: "):
        lock(code, "ours==1.0\n")


def test_a_name_in_vendor_toml_that_the_image_does_not_need_is_rejected_for_that_image(
    code: Path, wheels: Path
) -> None:
    add_wheel(wheels, "training")
    add_wheel(wheels, "ours", requires=("training; python_version < '3.9'",))
    (code / "vendor.toml").write_text('[left-out]\n"never imported" = ["training"]\n', encoding="utf-8")
    assert locked(code, "ours==1.0\n", IMAGES[DEFAULT_IMAGE]) == ["ours"]
    with pytest.raises(ArchiveError) as caught:
        lock(code, "ours==1.0\n", NEW)
    assert str(caught.value) == (
        f"{code}/vendor.toml names training, which nothing in requirements.txt requires for the image pytorch-2.6; "
        "remove it, or move it to the tables of the image that needs it, below its name."
    )
    (code / "vendor.toml").write_text('["pytorch-1.11".left-out]\n"never imported" = ["training"]\n', encoding="utf-8")
    assert locked(code, "ours==1.0\n", NEW) == ["ours"]


def test_the_locks_that_are_there_are_made_again_and_otherwise_the_default_image_s(
    code: Path, wheels: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_wheel(wheels, "ours")
    (code / "requirements.txt").write_text("ours==1.0\n", encoding="utf-8")

    def printed(*options: str) -> list[str]:
        monkeypatch.setattr("sys.argv", ["pack.py", "--folder", str(code.parent), "--lock", *options])
        assert pack.main() == 0
        return [Path(line).name for line in capfd.readouterr().out.splitlines()]

    assert printed() == ["requirements.lock"]
    assert printed("--image", "huggingface-2.6") == ["requirements.huggingface-2.6.lock"]
    assert printed() == ["requirements.lock", "requirements.huggingface-2.6.lock"]
    (code / "requirements.lock").unlink()
    assert printed() == ["requirements.huggingface-2.6.lock"]


def test_a_folder_from_before_there_was_a_choice_of_images_keeps_its_lock(code: Path) -> None:
    """The digest of its first line is what it was."""
    (code / "requirements.txt").write_text("Unidecode==1.3.8\n", encoding="utf-8")
    digest = "9f849bd1e67639050bb02f13d2965ed54195a7ecd40e76bd61c90212402f6a14"
    line = f"# Made by `async-endpoint model lock`; sha256 of what it is made of: {digest}\n"
    (code / "requirements.lock").write_text(line + "unidecode==1.3.8\n", encoding="utf-8")
    assert "code/requirements.lock" in [each.name for each in list_members(code.parent)]
