"""Building the serving environment, with an uv that only leaves traces, and overlays of the real one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from async_endpoint.emulator.containers import environment, requirements
from async_endpoint.emulator.containers.environment import (
    ServingEnvironment,
    ServingEnvironments,
    default_place,
    prepare,
    prepare_all,
)
from async_endpoint.emulator.containers.errors import ContainerError, MissingRequirement
from async_endpoint.protocol.serving_images import IMAGES
from tests.emulator.containers.helpers import write_wheel

UV = """\
#!/bin/sh
echo "$@" >> {calls}
case "$1" in
venv) mkdir -p "$6/bin" "$6/lib"; touch "$6/pyvenv.cfg" "$6/bin/python";;
pip) [ ! -e {broken} ] || {{ echo "error: no such
  package" >&2; exit 2; }};;
esac
"""


class FakeUv:
    """Stands in for the uv program: makes the folders of an environment and installs nothing."""

    def __init__(self, folder: Path) -> None:
        self._calls = folder / "calls"
        self._broken = folder / "broken"
        self.program = folder / "uv"
        self.program.write_text(UV.format(calls=self._calls, broken=self._broken))
        self.program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def breaks(self, *, broken: bool) -> None:
        if broken:
            self._broken.touch()
        else:
            self._broken.unlink()


@pytest.fixture
def fake_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeUv:
    fake = FakeUv(tmp_path)
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(fake.program))
    monkeypatch.setattr(requirements, "missing", list)
    monkeypatch.setattr(requirements, "find_python", lambda image: Path(f"/a/python{image.python}"))
    return fake


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "serving"


def test_it_is_built_from_the_lock_and_only_once(fake_uv: FakeUv, target: Path) -> None:
    told: list[str] = []
    made = prepare(target, told.append)
    assert made == ServingEnvironment(target)
    assert fake_uv.calls[0].startswith(f"venv --no-project --allow-existing --python /a/python3.8 {target} ")
    assert f"--require-hashes --no-deps --requirements {made.lock} " in fake_uv.calls[1]
    assert len(told) == 1
    assert prepare(target, told.append) == made
    assert len(fake_uv.calls) == 2
    assert len(told) == 1


def test_another_image_has_an_environment_of_its_own_beside_the_first(fake_uv: FakeUv, target: Path) -> None:
    told: list[str] = []
    first, second = prepare(target, told.append), prepare(target, told.append, IMAGES["pytorch-2.6"])
    assert first.path == target
    assert second == ServingEnvironments(target).of(IMAGES["pytorch-2.6"])
    assert second.path == target.with_name("serving-pytorch-2.6")
    assert second.site_packages == second.path / "lib" / "python3.12" / "site-packages"
    assert f"--requirements {second.lock} " in fake_uv.calls[3]
    assert second.lock != first.lock
    assert told[1] == (
        "Building the serving environment of pytorch-2.6 in serving-pytorch-2.6 (Python 3.12, torch 2.6.0, "
        "TorchServe 0.12.0; some minutes, once)."
    )
    assert (first.ready, second.ready) == (True, True)
    second.python.unlink()
    assert (first.ready, second.ready) == (True, False)


def test_of_several_images_only_those_that_are_named_are_built(fake_uv: FakeUv, target: Path) -> None:
    serving = prepare_all(target, print, ("pytorch-2.6", "huggingface-2.6"))
    ready = {image.name: serving.of(image).ready for image in IMAGES.values()}
    assert ready == {"pytorch-1.11": False, "pytorch-2.6": True, "huggingface-2.6": True}
    assert [call.split()[0] for call in fake_uv.calls] == ["venv", "pip", "venv", "pip"]
    assert not prepare_all(target, print).of(IMAGES["huggingface-2.6"]).path.samefile(target)


def test_a_half_built_one_is_built_anew(fake_uv: FakeUv, target: Path) -> None:
    fake_uv.breaks(broken=True)
    with pytest.raises(ContainerError, match="could not be built by `uv pip`: error: no such package"):
        prepare(target, print)
    (target / "lib" / "leftover").touch()
    assert not ServingEnvironment(target).ready
    fake_uv.breaks(broken=False)
    assert prepare(target, print).ready
    assert not (target / "lib" / "leftover").exists()


def test_another_lock_file_makes_it_outdated(
    fake_uv: FakeUv, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(target, print)
    newer = Path(shutil.copytree(environment.LOCKS, tmp_path / "locks"))
    monkeypatch.setattr(environment, "LOCKS", newer)
    (newer / "pytorch-2.6.lock").write_text("a==1\n")
    assert ServingEnvironment(target).ready
    (newer / "pytorch-1.11.lock").write_text("a==1\n")
    assert not ServingEnvironment(target).ready
    prepare(target, print)
    assert len(fake_uv.calls) == 4


def test_one_whose_python_has_gone_is_built_anew(fake_uv: FakeUv, target: Path) -> None:
    prepare(target, print)
    (target / "bin" / "python").unlink()
    prepare(target, print)
    assert len(fake_uv.calls) == 4


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "names",
    [
        ("thesis.txt",),
        ("pyvenv.cfg", "bin/python", "lib/python3.11/site-packages/mine.py"),  # a virtual environment of someone's own
        ("pyvenv.cfg",),
    ],
)
def test_what_was_not_built_here_is_left_alone(fake_uv: FakeUv, target: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text("mine")
    before = contents(target)
    with pytest.raises(ContainerError, match="is not a serving environment that was built here, so it stays as it is"):
        prepare(target, print)
    assert contents(target) == before
    assert fake_uv.calls == []


def test_a_file_in_the_place_of_the_folder_is_left_alone(fake_uv: FakeUv, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.write_text("mine")
    with pytest.raises(ContainerError, match="so it stays as it is"):
        prepare(target, print)
    assert target.read_text() == "mine"
    assert fake_uv.calls == []


def test_an_empty_folder_is_built_in(fake_uv: FakeUv, target: Path) -> None:
    target.mkdir(parents=True)
    assert prepare(target, print).ready
    assert len(fake_uv.calls) == 2


def test_one_of_an_earlier_version_is_built_anew(fake_uv: FakeUv, target: Path) -> None:
    """It has the digest of its lock, which was written at the end of the build."""
    (target / "bin").mkdir(parents=True)
    (target / "pyvenv.cfg").touch()
    (target / "image-requirements.sha256").write_text("0" * 64)
    assert prepare(target, print).ready
    assert len(fake_uv.calls) == 2


def test_the_outdated_one_that_a_link_leads_to_is_built_anew(fake_uv: FakeUv, target: Path, tmp_path: Path) -> None:
    prepare(target, print)
    (target / "image-requirements.sha256").write_text("0" * 64)
    link = tmp_path / "link"
    link.symlink_to(target)
    assert prepare(link, print).ready
    assert link.is_symlink()
    assert f" {target} " in fake_uv.calls[2]


def test_missing_requirements_are_reported_before_any_work(
    fake_uv: FakeUv, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements, "missing", lambda: ["No Java."])
    with pytest.raises(MissingRequirement, match=r"^No Java\.$"):
        prepare(target, print)
    assert fake_uv.calls == []
    assert not target.parent.exists()


def test_uv_is_asked_for_a_python_that_is_not_there(
    fake_uv: FakeUv, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements, "find_python", lambda _: None)
    monkeypatch.setattr(requirements, "install_python", lambda _: Path("/fetched/python"))
    prepare(target, print)
    assert "--python /fetched/python" in fake_uv.calls[0]


def python(program: Path, code: str) -> str:
    return subprocess.run(
        [program, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.serving
def test_an_overlay_sees_the_bases_packages(serving: ServingEnvironment, tmp_path: Path) -> None:
    overlay = serving.overlay(tmp_path / "overlay")
    seen = python(overlay.python, "import sys, jmespath, torch; print(sys.prefix, jmespath.__file__)")
    assert seen == f"{tmp_path}/overlay {serving.site_packages}/jmespath/__init__.py"


@pytest.mark.serving
def test_a_differing_pin_goes_into_its_own_overlay_only(serving: ServingEnvironment, tmp_path: Path) -> None:
    overlays = [serving.overlay(tmp_path / name) for name in ("first", "second", "untouched")]
    code = "import jmespath; print(getattr(jmespath, 'VERSION', 'the base\\'s'))"
    for overlay, version in zip(overlays, ("9.0", "9.1"), strict=False):
        wheel = write_wheel(tmp_path, "jmespath", version)
        pip = [str(overlay.python), "-m", "pip", "install", "--no-index", "--no-deps", "--no-warn-conflicts"]
        subprocess.run([*pip, str(wheel)], check=True)
    assert [python(overlay.python, code) for overlay in overlays] == ["9.0", "9.1", "the base's"]
    assert python(serving.python, code) == "the base's"


def test_every_folder_shares_the_environment_beside_the_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert default_place() == tmp_path / ".venv-serving"
    monkeypatch.chdir(tmp_path)
    assert default_place() == Path(".venv-serving")
    monkeypatch.setattr(sys, "prefix", "/usr")
    assert default_place() == Path(".venv-serving")
