"""The checks of this machine, on machines faked by PATH."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from async_endpoint.emulator.containers import requirements
from async_endpoint.emulator.containers.errors import MissingRequirement
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES

IMAGE = IMAGES[DEFAULT_IMAGE]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it: no Java, no Python 3.8, an uv that has and fetches nothing."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    monkeypatch.setenv("PATH", str(bin_))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("JAVA_HOME", "PYENV_ROOT", requirements.python_variable(IMAGE), "ASYNC_ENDPOINT_PYTHON312"):
        monkeypatch.delenv(name, raising=False)
    program(tmp_path / "uv", "exit 1")
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(tmp_path / "uv"))
    return tmp_path


def program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def java(path: Path, version: str) -> Path:
    return program(path, f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


def python(path: Path, version: str = "3.8") -> Path:
    return program(path, f"echo '{version}'")


@pytest.mark.usefixtures("machine")
def test_missing_java_is_one_sentence_with_the_way_to_get_it() -> None:
    (sentence,) = requirements.missing()
    assert sentence == (
        "Model servers need Java 11 or later and none is on PATH: install a JRE, e.g. "
        "`apt-get install openjdk-17-jre-headless`, or set JAVA_HOME to one."
    )


@pytest.mark.parametrize(("version", "major"), [("1.8.0_402", 8), ("10.0.2", 10)])
def test_an_old_java_is_rejected_by_its_version(machine: Path, version: str, major: int) -> None:
    java(machine / "bin" / "java", version)
    with pytest.raises(MissingRequirement, match=rf"bin/java is Java {major}: install"):
        requirements.require_java()


@pytest.mark.parametrize("version", ["11.0.22", "17.0.15"])
def test_java_on_the_path_will_do(machine: Path, version: str) -> None:
    expected = java(machine / "bin" / "java", version)
    assert requirements.require_java() == expected
    assert requirements.missing() == []


def test_java_home_goes_before_the_path_as_torchserve_has_it(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(machine / "bin" / "java", "21")
    expected = java(machine / "jdk" / "bin" / "java", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(machine / "jdk"))
    assert requirements.require_java() == expected
    monkeypatch.setenv("JAVA_HOME", str(machine / "nothing"))
    with pytest.raises(MissingRequirement, match=r"none is under JAVA_HOME \(.*/nothing\)"):
        requirements.require_java()


@pytest.mark.usefixtures("machine")
def test_another_platform_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert requirements.missing()[0] == (
        "Model containers run on Linux x86_64 only and this is Darwin arm64; use such a machine or a VM."
    )


def test_python_is_looked_for_in_the_variable_pyenv_the_path_and_uv_in_that_order(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert requirements.find_python(IMAGE) is None
    managed = python(machine / "uv-python3.8")
    program(machine / "uv", f'[ "$1 $2" = "python find" ] && echo {managed}')
    assert requirements.find_python(IMAGE) == managed
    on_path = python(machine / "bin" / "python3.8")
    assert requirements.find_python(IMAGE) == on_path
    pyenv = python(machine / "home" / ".pyenv" / "versions" / "3.8.18" / "bin" / "python3.8")
    assert requirements.find_python(IMAGE) == pyenv
    chosen = python(machine / "mine")
    monkeypatch.setenv(requirements.python_variable(IMAGE), str(chosen))
    assert requirements.find_python(IMAGE) == chosen


def test_each_image_has_a_python_of_its_own(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = IMAGES["pytorch-2.6"]
    versions = machine / "home" / ".pyenv" / "versions"
    python(versions / "3.8.18" / "bin" / "python3.8")
    python(versions / "3.12.9" / "bin" / "python3.12", "3.12")
    newest = python(versions / "3.12.13" / "bin" / "python3.12", "3.12")
    assert requirements.find_python(newer) == newest
    chosen = python(machine / "mine", "3.12")
    monkeypatch.setenv("ASYNC_ENDPOINT_PYTHON312", str(chosen))
    assert requirements.find_python(newer) == chosen
    assert requirements.find_python(IMAGE) == versions / "3.8.18" / "bin" / "python3.8"
    monkeypatch.setenv("ASYNC_ENDPOINT_PYTHON312", str(python(machine / "other", "3.11")))
    with pytest.raises(MissingRequirement, match=r"ASYNC_ENDPOINT_PYTHON312 is .*/other, which is not a Python 3\.12"):
        requirements.find_python(newer)


def test_a_pyenv_shim_without_a_selected_version_is_passed_over(machine: Path) -> None:
    program(machine / "bin" / "python3.8", "echo 'pyenv: python3.8: command not found' >&2; exit 127")
    assert requirements.find_python(IMAGE) is None


def test_a_variable_that_names_another_python_is_an_error(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python(machine / "bin" / "python3.8")
    monkeypatch.setenv(requirements.python_variable(IMAGE), str(python(machine / "mine", "3.11")))
    with pytest.raises(MissingRequirement, match=r"ASYNC_ENDPOINT_PYTHON38 is .*/mine, which is not a Python 3\.8"):
        requirements.find_python(IMAGE)


@pytest.mark.usefixtures("machine")
def test_a_python_that_uv_cannot_fetch_is_one_sentence() -> None:
    with pytest.raises(MissingRequirement) as caught:
        requirements.install_python(IMAGE)
    assert str(caught.value) == (
        "Python 3.8 of pytorch-1.11 is missing and uv could not fetch it: install it with `pyenv install 3.8` or "
        "`uv python install 3.8`, or set ASYNC_ENDPOINT_PYTHON38 to the path of a Python 3.8."
    )


def test_a_python_that_uv_fetched_is_used(machine: Path) -> None:
    target = machine / "fetched"
    program(
        machine / "uv",
        f'[ "$2" = install ] && printf \'#!/bin/sh\\necho "3.8"\\n\' > {target} && /bin/chmod +x {target}',
        f'[ "$2" = find ] && [ -e {target} ] && echo {target}',
        "exit 0",
    )
    assert requirements.install_python(IMAGE) == target


def test_as_a_program_it_needs_nothing_installed_and_names_everything_at_once(tmp_path: Path) -> None:
    source = Path(requirements.__file__).parents[3]
    run = (
        f"import sys, runpy; sys.path.insert(0, {str(source)!r}); "
        f"runpy.run_module({requirements.__name__!r}, run_name='__main__')"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", run],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert [line.split(" and none is ")[0] for line in said] == [
        "Model servers need Java 11 or later",
        "Model containers of pytorch-1.11 need Python 3.8",
    ]
