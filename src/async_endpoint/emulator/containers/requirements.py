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

PYTHON_VARIABLE = "ASYNC_ENDPOINT_PYTHON38"
PYTHON_VERSION = (3, 8)
MINIMUM_JAVA = 11  # the image's

_SECONDS = 30.0  # for asking a program its version
_GET_PYTHON = (
    "install it with `pyenv install 3.8.18` or `uv python install 3.8`, "
    f"or set {PYTHON_VARIABLE} to the path of a Python 3.8"
)
_GET_JAVA = "install a JRE, e.g. `apt-get install openjdk-17-jre-headless`, or set JAVA_HOME to one"


def missing() -> list[str]:
    """Returns one sentence for each requirement that this machine lacks and that cannot be installed from here.

    Python 3.8 is not among them: `environment.prepare` lets uv install it.
    """
    sentences = []
    for require in (require_platform, require_java):
        try:
            require()
        except MissingRequirement as error:
            sentences.append(str(error))
    return sentences


def require_platform() -> None:
    """Raises unless this is Linux on x86-64: the image's torch 1.11 and the supervision of processes need it."""
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise MissingRequirement(
            f"Model containers run on Linux x86_64 only and this is {system} {machine}; use such a machine or a VM."
        )


def require_java() -> Path:
    """Returns the Java that TorchServe will run: that of JAVA_HOME if set, else the first on PATH.

    Raises:
        MissingRequirement: Java is not installed, or is older than version 11.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        where = f"under JAVA_HOME ({home})" if home else "on PATH"
        raise MissingRequirement(f"TorchServe needs Java {MINIMUM_JAVA} or later and none is {where}: {_GET_JAVA}.")
    major = _java_version(found)
    if major is None or major < MINIMUM_JAVA:
        has = "does not print its version" if major is None else f"is Java {major}"
        raise MissingRequirement(f"TorchServe needs Java {MINIMUM_JAVA} or later and {found} {has}: {_GET_JAVA}.")
    return Path(found)


def find_python() -> Path | None:
    """Returns a Python 3.8 of this machine: the variable's, pyenv's, the one on PATH, then uv's; None without one.

    Raises:
        MissingRequirement: ASYNC_ENDPOINT_PYTHON38 is set to something that is not a Python 3.8.
    """
    if chosen := os.environ.get(PYTHON_VARIABLE):
        if not _is_wanted_python(chosen):
            raise MissingRequirement(f"{PYTHON_VARIABLE} is {chosen}, which is not a Python 3.8: {_GET_PYTHON}.")
        return Path(chosen)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [str(path) for path in sorted(pyenv.glob("versions/3.8.*/bin/python3.8"), reverse=True)]
    if on_path := shutil.which("python3.8"):
        candidates.append(on_path)
    candidates.extend(_managed_by_uv())
    return next((Path(candidate) for candidate in candidates if _is_wanted_python(candidate)), None)


def install_python() -> Path:
    """Lets uv install its own Python 3.8.

    Raises:
        MissingRequirement: uv could not, for example without a network.
    """
    uv = _find_uv()
    done = None if uv is None else _output([uv, "python", "install", "3.8"], seconds=600)
    found = find_python() if done is not None else None
    if found is None:
        raise MissingRequirement(f"Python 3.8 is missing and uv could not fetch it: {_GET_PYTHON}.")
    return found


def _managed_by_uv() -> list[str]:
    uv = _find_uv()
    if uv is None:
        return []
    command = [uv, "python", "find", "3.8", "--no-project", "--managed-python", "--no-python-downloads"]
    return (_output(command) or "").split("\n")[:1]


def _find_uv() -> str | None:
    """Returns the uv of this environment, else the one on PATH."""
    if importlib.util.find_spec("uv") is not None:
        found: str = importlib.import_module("uv").find_uv_bin()
        return found
    return shutil.which("uv")


def _is_wanted_python(program: str) -> bool:
    # A pyenv shim named python3.8 exists even when no 3.8 is selected, and then fails: run it to know.
    return (_output([program, "-c", "import sys; print(sys.version_info[:2])"]) or "").strip() == str(PYTHON_VERSION)


def _java_version(program: str) -> int | None:
    said = re.search(r'version "(?:1\.)?(\d+)', _output([program, "-version"]) or "")
    return int(said.group(1)) if said else None


def run_program(command: list[str], seconds: float | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs a program of this machine to its end; `stdout` of the result has both of its streams.

    Raises:
        OSError: The program cannot be run.
        subprocess.TimeoutExpired: It took longer than `seconds`.
    """
    return subprocess.run(  # noqa: S603 - programs found on this machine, no shell
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
    """Prints what this machine lacks, Python 3.8 included; the exit status is 1 if it lacks anything."""
    sentences = missing()
    try:
        if find_python() is None and _find_uv() is None:
            sentences.append(f"Model containers need Python 3.8 and none is here: {_GET_PYTHON}.")
    except MissingRequirement as error:
        sentences.append(str(error))
    for sentence in sentences:
        sys.stderr.write(f"{sentence}\n")
    return bool(sentences)


if __name__ == "__main__":
    sys.exit(main())
