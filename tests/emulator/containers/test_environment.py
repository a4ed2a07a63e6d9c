"""Building the serving environment, with an uv that only leaves traces, and overlays of the real one."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest
import uv

from async_endpoint.emulator.containers import environment, requirements
from async_endpoint.emulator.containers.environment import LOCK, ServingEnvironment, prepare
from async_endpoint.emulator.containers.errors import ContainerError, MissingRequirement
from tests.emulator.containers.conftest import REPOSITORY
from tests.emulator.containers.helpers import write_wheel

UV = """\
#!/bin/sh
echo "$@" >> {calls}
case "$1" in
venv) mkdir -p "$5/bin" "$5/lib"; touch "$5/pyvenv.cfg" "$5/bin/python";;
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
    monkeypatch.setattr(requirements, "find_python", lambda: Path("/a/python3.8"))
    return fake


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "serving"


def test_it_is_built_from_the_lock_and_only_once(fake_uv: FakeUv, target: Path) -> None:
    told: list[str] = []
    made = prepare(target, told.append)
    assert made == ServingEnvironment(target)
    assert fake_uv.calls[0].startswith(f"venv --no-project --python /a/python3.8 {target} ")
    assert f"--require-hashes --requirements {LOCK}" in fake_uv.calls[1]
    assert len(told) == 1
    assert prepare(target, told.append) == made
    assert len(fake_uv.calls) == 2
    assert len(told) == 1


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
    newer = tmp_path / "newer.lock"
    newer.write_text("a==1\n")
    monkeypatch.setattr(environment, "LOCK", newer)
    assert not ServingEnvironment(target).ready
    prepare(target, print)
    assert len(fake_uv.calls) == 4


def test_one_whose_python_has_gone_is_built_anew(fake_uv: FakeUv, target: Path) -> None:
    prepare(target, print)
    (target / "bin" / "python").unlink()
    prepare(target, print)
    assert len(fake_uv.calls) == 4


def test_someones_folder_is_left_alone(fake_uv: FakeUv, target: Path) -> None:
    target.mkdir(parents=True)
    (target / "thesis.txt").touch()
    with pytest.raises(ContainerError, match="not empty and is not a Python environment"):
        prepare(target, print)
    assert (target / "thesis.txt").exists()
    assert fake_uv.calls == []


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
    monkeypatch.setattr(requirements, "find_python", lambda: None)
    monkeypatch.setattr(requirements, "install_python", lambda: Path("/fetched/python"))
    prepare(target, print)
    assert "--python /fetched/python" in fake_uv.calls[0]


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \n]+)", text.lower(), re.MULTILINE))


def test_the_lock_pins_every_package_with_hashes_and_names_no_host() -> None:
    lock = LOCK.read_text()
    assert not re.search(r"https?:|index-url|file:", lock)
    packages = re.split(r"\n(?=\S)", lock.strip())
    assert len(packages) == len(pins(lock)) > 20
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", package) for package in packages)


# Its Dockerfile's own versions, then those that were the newest on the day before its tag.
IN_THE_IMAGE = {
    "torch": "1.11.0", "torchvision": "0.12.0", "torchserve": "0.6.0", "torch-model-archiver": "0.6.0",
    "sagemaker-pytorch-inference": "2.0.10", "numpy": "1.22.2", "enum-compat": "0.0.3",
    "sagemaker-inference": "1.8.1", "pillow": "9.4.0", "pyyaml": "5.4.1", "scipy": "1.10.1", "psutil": "5.9.4",
    "packaging": "23.0", "typing-extensions": "4.5.0", "requests": "2.28.2", "urllib3": "1.26.14",
    "certifi": "2022.12.7", "idna": "3.4", "future": "0.18.3", "retrying": "1.3.3", "boto3": "1.26.83",
    "pip": "23.0.1", "setuptools": "65.6.3",
}  # fmt: skip


def test_the_lock_holds_what_the_image_holds_and_nothing_of_the_model_s() -> None:
    locked = pins(LOCK.read_text())
    assert {name: locked.get(name) for name in IN_THE_IMAGE} == IN_THE_IMAGE
    assert pins(LOCK.with_name("image-requirements.txt").read_text()).items() <= locked.items()
    archive = pins((REPOSITORY / "model_artifacts" / "code" / "requirements.txt").read_text())
    assert archive
    assert not archive.keys() & locked.keys()


@pytest.mark.serving
def test_the_serving_environment_holds_the_lock(serving: ServingEnvironment) -> None:
    code = "import pkg_resources, json; print(json.dumps({d.key: d.version for d in pkg_resources.working_set}))"
    installed = json.loads(python(serving.python, code))
    assert pins(LOCK.read_text()) == {name.replace("_", "-"): version for name, version in installed.items()}


def python(program: Path, code: str) -> str:
    return subprocess.run([program, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.serving
def test_an_overlay_sees_the_bases_packages_and_is_made_at_once(serving: ServingEnvironment, tmp_path: Path) -> None:
    began = time.monotonic()
    overlay = serving.overlay(tmp_path / "overlay")
    assert time.monotonic() - began < 0.3
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
