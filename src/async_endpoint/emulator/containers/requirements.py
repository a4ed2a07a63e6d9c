"""What containers need of this machine, checked before any work begins.

Standard library only, except where uv is needed: `make` runs this module before anything is installed.
"""

import importlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from async_endpoint.emulator.containers.errors import MissingRequirement
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ServingImage

_SECONDS = 30.0  # for asking a program its version
# Of every image: their own are 11, 17 and 21, but their servers' classes are of Java 8, and JDK_JAVA_OPTIONS, by which
# containers are kept small, came with Java 9.
MINIMUM_JAVA = 11
_GET_JAVA = "install a JRE, e.g. `apt-get install openjdk-17-jre-headless`, or set JAVA_HOME to one"


def python_variable(image: ServingImage) -> str:
    """Returns the environment variable that chooses the Python of an image, such as ASYNC_ENDPOINT_PYTHON38."""
    return f"ASYNC_ENDPOINT_PYTHON{image.python.replace('.', '')}"


def missing() -> list[str]:
    """Returns one sentence for each requirement that this machine lacks and that cannot be installed from here.

    An image's Python is not among them: `environment.prepare` lets uv install it.
    """
    sentences = []
    for require in (require_platform, require_java):
        try:
            require()
        except MissingRequirement as error:
            sentences.append(str(error))
    return sentences


def require_platform() -> None:
    """Raises unless this is Linux on x86-64: the images' torch and the supervision of processes need it."""
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise MissingRequirement(
            f"Model containers run on Linux x86_64 only and this is {system} {machine}; use such a machine or a VM."
        )


def require_java() -> Path:
    """Returns the Java that model servers will run: that of JAVA_HOME if set, else the first on PATH.

    Raises:
        MissingRequirement: Java is not installed, or is older than version 11.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        where = f"under JAVA_HOME ({home})" if home else "on PATH"
        raise MissingRequirement(f"Model servers need Java {MINIMUM_JAVA} or later and none is {where}: {_GET_JAVA}.")
    major = _java_version(found)
    if major is None or major < MINIMUM_JAVA:
        has = "does not print its version" if major is None else f"is Java {major}"
        raise MissingRequirement(f"Model servers need Java {MINIMUM_JAVA} or later and {found} {has}: {_GET_JAVA}.")
    return Path(found)


def find_python(image: ServingImage) -> Path | None:
    """Returns a Python of the image's version: the variable's, pyenv's, PATH's, then uv's; None without one.

    Raises:
        MissingRequirement: The variable, such as ASYNC_ENDPOINT_PYTHON38, is set to something else.
    """
    version = image.python
    if chosen := os.environ.get(python_variable(image)):
        if not _is_python(chosen, version):
            raise MissingRequirement(
                f"{python_variable(image)} is {chosen}, which is not a Python {version}: {_get_python(image)}."
            )
        return Path(chosen)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), key=_by_number, reverse=True)
    candidates = [str(path) for path in found]
    if on_path := shutil.which(f"python{version}"):
        candidates.append(on_path)
    candidates.extend(_managed_by_uv(version))
    return next((Path(candidate) for candidate in candidates if _is_python(candidate, version)), None)


def install_python(image: ServingImage) -> Path:
    """Lets uv install its own Python of the image's version.

    Raises:
        MissingRequirement: uv could not, for example without a network.
    """
    uv = _find_uv()
    done = None if uv is None else _output([uv, "python", "install", image.python], seconds=600)
    found = find_python(image) if done is not None else None
    if found is None:
        raise MissingRequirement(
            f"Python {image.python} of {image.name} is missing and uv could not fetch it: {_get_python(image)}."
        )
    return found


def _get_python(image: ServingImage) -> str:
    version = image.python
    return (
        f"install it with `pyenv install {version}` or `uv python install {version}`, "
        f"or set {python_variable(image)} to the path of a Python {version}"
    )


def _by_number(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parents[1].name)]


def _managed_by_uv(version: str) -> list[str]:
    uv = _find_uv()
    if uv is None:
        return []
    command = [uv, "python", "find", version, "--no-project", "--managed-python", "--no-python-downloads"]
    return (_output(command) or "").split("\n")[:1]


def _find_uv() -> str | None:
    """Returns the uv of this environment, else the one on PATH."""
    if importlib.util.find_spec("uv") is not None:
        found: str = importlib.import_module("uv").find_uv_bin()
        return found
    return shutil.which("uv")


def _is_python(program: str, version: str) -> bool:
    # A pyenv shim named python3.8 exists even when no 3.8 is selected, and then fails: run it to know.
    said = _output([program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]) or ""
    return said.strip() == version


def _java_version(program: str) -> int | None:
    said = re.search(r'version "(?:1\.)?(\d+)', _output([program, "-version"]) or "")
    return int(said.group(1)) if said else None


def run_program(command: list[str], seconds: float | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs a program of this machine to its end; `stdout` of the result has both of its streams.

    Raises:
        OSError: The program cannot be run.
        subprocess.TimeoutExpired: It took longer than `seconds`.
    """
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
        text=True,
    )


def _output(command: list[str], seconds: float = _SECONDS) -> str | None:
    """Returns what the program printed, both streams; None when it cannot be run or fails."""
    try:
        done = run_program(command, seconds)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def main() -> int:
    """Prints what this machine lacks for the default image, its Python included; returns 1 if it lacks anything."""
    image = IMAGES[DEFAULT_IMAGE]
    sentences = missing()
    try:
        if find_python(image) is None and _find_uv() is None:
            sentences.append(f"Model containers of {image.name} need Python {image.python} and none is here: ")
            sentences[-1] += f"{_get_python(image)}."
    except MissingRequirement as error:
        sentences.append(str(error))
    for sentence in sentences:
        sys.stderr.write(f"{sentence}\n")
    return bool(sentences)


if __name__ == "__main__":
    sys.exit(main())
