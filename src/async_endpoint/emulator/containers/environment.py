"""The Python 3.8 environment with the inference image's packages, and an overlay of it for each container."""

import hashlib
import shlex
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uv

from async_endpoint.emulator.containers import requirements
from async_endpoint.emulator.containers.errors import ContainerError, MissingRequirement

LOCK = Path(__file__).with_name("image-requirements.lock")
BUILD_PINS = Path(__file__).with_name("build-requirements.txt")

_STAMP = "image-requirements.sha256"
_SITE_PACKAGES = Path("lib", "python3.8", "site-packages")

_PROGRAM = Path(__file__).with_name("torchserve_program.py")

# The interpreter starts through /bin/sh so that its path may be long or hold spaces, as pip's own scripts do.
_TORCHSERVE = """\
#!/bin/sh
exec "$(dirname "$0")/python" {program} "$@"
"""


@dataclass(frozen=True)
class Overlay:
    """One container's own environment: what pip installs in it shadows the base and changes nothing else."""

    path: Path

    @property
    def bin(self) -> Path:
        """The folder of `python` and `torchserve`, first on the container's PATH."""
        return self.path / "bin"

    @property
    def python(self) -> Path:
        """The interpreter of toolkit, pip and workers."""
        return self.bin / "python"


@dataclass(frozen=True)
class ServingEnvironment:
    """A Python 3.8 environment that holds what the inference image holds; `prepare` builds one."""

    path: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return self.path / _SITE_PACKAGES

    @property
    def ready(self) -> bool:
        """Whether it was built completely from this version's lock file, and its Python still exists."""
        try:
            stamp = (self.path / _STAMP).read_text(encoding="ascii")
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stamp == _lock_digest() and self.python.exists()

    def overlay(self, path: Path) -> Overlay:
        """Makes an environment at `path` that sees this one's packages and never changes them.

        It is a venv made by hand, in a few milliseconds. pip and TorchServe are the base's, run by the overlay's
        interpreter, so that pip installs into the overlay, which comes first on the import path.
        """
        site_packages = path / _SITE_PACKAGES
        site_packages.mkdir(parents=True)
        (path / "bin").mkdir()
        interpreter = self.python.resolve()
        (path / "bin" / "python").symlink_to(interpreter)
        (path / "pyvenv.cfg").write_text(
            f"home = {interpreter.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
        )
        # addsitedir rather than a bare path, so that the base's own .pth files (namespace packages) are read.
        base = f"import site; site.addsitedir({str(self.site_packages)!r})\n"
        (site_packages / "base.pth").write_text(base, encoding="utf-8")
        torchserve = path / "bin" / "torchserve"
        torchserve.write_text(_TORCHSERVE.format(program=shlex.quote(str(_PROGRAM))), encoding="utf-8")
        torchserve.chmod(0o755)
        return Overlay(path)


def prepare(path: Path, echo: Callable[[str], None]) -> ServingEnvironment:
    """Returns the serving environment at `path`; builds it if it is missing, incomplete, or of another lock file.

    Quick when there is nothing to do. Building fetches about 1 GB of packages and takes 2 GB on disk.

    Args:
        path: Folder of the environment; its parents are made.
        echo: Called with one line for each step that takes long.

    Raises:
        MissingRequirement: This machine lacks Java, Linux on x86-64, or a Python 3.8 and uv could not install one.
        ContainerError: The folder is not an environment, or the packages could not be installed.
    """
    if sentences := requirements.missing():
        raise MissingRequirement("\n".join(sentences))
    environment = ServingEnvironment(path.absolute())
    if not environment.ready:
        python = requirements.find_python()
        if python is None:
            echo("There is no Python 3.8: uv installs one.")
            python = requirements.install_python()
        _clear(environment.path)
        echo(f"Building the serving environment in {path} (torch 1.11, TorchServe 0.6; some minutes, once).")
        _build(environment, python)
    return environment


def _build(environment: ServingEnvironment, python: Path) -> None:
    environment.path.parent.mkdir(parents=True, exist_ok=True)
    _run_uv("venv", "--no-project", "--python", str(python), str(environment.path))
    _run_uv(
        "pip", "install", "--python", str(environment.python), "--require-hashes", "--requirements", str(LOCK),
        "--build-constraints", str(BUILD_PINS), "--compile-bytecode",
    )  # fmt: skip
    (environment.path / _STAMP).write_text(_lock_digest(), encoding="ascii")


def _run_uv(*arguments: str) -> None:
    command = [uv.find_uv_bin(), *arguments, "--no-python-downloads", "--no-progress", "--quiet"]
    done = requirements.run_program(command)
    if done.returncode:
        reason = " ".join(done.stdout.split()) or f"exit code {done.returncode}"
        raise ContainerError(f"The serving environment could not be built by `uv {arguments[0]}`: {reason}")


def _clear(path: Path) -> None:
    """Removes an incomplete or outdated environment; a folder with anything else stays."""
    with suppress(FileNotFoundError):
        if any(path.iterdir()) and not (path / "pyvenv.cfg").exists():
            raise ContainerError(f"{path} is not empty and is not a Python environment: choose another folder.")
        shutil.rmtree(path)


def _lock_digest() -> str:
    return hashlib.sha256(LOCK.read_bytes() + BUILD_PINS.read_bytes()).hexdigest()
