"""Of each serving image, the environment with its Python and packages, and an overlay of it for each container."""

import hashlib
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import uv

from async_endpoint.emulator.containers import requirements
from async_endpoint.emulator.containers.errors import ContainerError, MissingRequirement
from async_endpoint.emulator.containers.servers import server_of
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName, ServingImage

LOCKS = Path(__file__).with_name("images")

# In each environment that is built here; its content says which lock was installed, and is empty until all of it is.
_STAMP = "image-requirements.sha256"

_WORKER_ERRORS = Path(__file__).with_name("worker_errors.py")
_NO_NETWORK = Path(__file__).with_name("no_network.py")

# The interpreter starts through /bin/sh so that its path may be long or hold spaces, as pip's own scripts do.
_LAUNCHER = """\
#!/bin/sh
exec "$(dirname "$0")/python" {program} "$@"
"""


@dataclass(frozen=True)
class Overlay:
    """One container's own environment: what pip installs in it shadows the base and changes nothing else."""

    path: Path

    @property
    def bin(self) -> Path:
        """The folder of `python` and the model server, first on the container's PATH."""
        return self.path / "bin"

    @property
    def python(self) -> Path:
        """The interpreter of toolkit, pip and workers."""
        return self.bin / "python"


@dataclass(frozen=True)
class ServingEnvironment:
    """An environment that holds what a serving image holds; `prepare` builds one.

    Attributes:
        path: Its folder.
        image: The image whose place it takes.
    """

    path: Path
    image: ServingImage = IMAGES[DEFAULT_IMAGE]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return self.path / self._site_packages

    @property
    def lock(self) -> Path:
        """The versions and hashes of its packages."""
        return LOCKS / f"{self.image.name}.lock"

    @property
    def build_pins(self) -> Path:
        """What its packages that come as source are built with."""
        return LOCKS / f"build-{self.image.python}.txt"

    @property
    def ready(self) -> bool:
        """Whether it was built completely from this version's lock file, and its Python still exists."""
        try:
            stamp = (self.path / _STAMP).read_text(encoding="ascii")
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stamp == self.digest and self.python.exists()

    @property
    def digest(self) -> str:
        """Of all that decides what is installed in it."""
        return hashlib.sha256(self.lock.read_bytes() + self.build_pins.read_bytes()).hexdigest()

    @property
    def _site_packages(self) -> Path:
        return Path("lib", f"python{self.image.python}", "site-packages")

    def overlay(self, path: Path, *, reports: Path | None = None, isolated: bool = False) -> Overlay:
        """Makes an environment at `path` that sees this one's packages and never changes them.

        It is a venv made by hand, in a few milliseconds. pip and the model server are the base's, run by the overlay's
        interpreter, so that pip installs into the overlay, which comes first on the import path.

        Args:
            path: The overlay's folder, to be made.
            reports: The file to which workers report errors, `worker_errors`; None for no reports.
            isolated: Whether its interpreters run without a network.
        """
        site_packages = path / self._site_packages
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
        if reports is not None:
            (site_packages / "reports.pth").write_text(_at_start(_WORKER_ERRORS, str(reports)), encoding="utf-8")
        if isolated:
            (site_packages / "isolation.pth").write_text(_at_start(_NO_NETWORK), encoding="utf-8")
        server = server_of(self.image)
        lines = "".join(_at_start(script) for script in server.at_start)
        (site_packages / "server.pth").write_text(lines, encoding="utf-8")
        launcher = path / "bin" / server.name
        launcher.write_text(_LAUNCHER.format(program=shlex.quote(str(server.launcher))), encoding="utf-8")
        launcher.chmod(0o755)
        return Overlay(path)


def _at_start(script: Path, *arguments: str) -> str:
    """Returns the line of a .pth file that runs a script's `install` in each interpreter, before anything else."""
    return f"import runpy; runpy.run_path({str(script)!r})['install'](*{arguments!r})\n"


@dataclass(frozen=True)
class ServingEnvironments:
    """The environments of all images, side by side; each may be missing.

    Attributes:
        path: The folder of the default image's; another image's is beside it and has the image's name at its end.
    """

    path: Path

    def of(self, image: ServingImage) -> ServingEnvironment:
        """Returns an image's environment, which may not exist yet."""
        suffix = "" if image.name == DEFAULT_IMAGE else f"-{image.name}"
        return ServingEnvironment(self.path.with_name(f"{self.path.name}{suffix}"), image)


def default_place() -> Path:
    """Returns the path for `prepare` where nobody chose one: beside the virtual environment of this process.

    So one environment serves every folder from which the command is run. Outside of a virtual environment it is in the
    working folder, to which the path is relative.
    """
    beside = Path(sys.prefix).parent if sys.prefix != sys.base_prefix else Path.cwd()
    return (Path() if beside == Path.cwd() else beside) / ".venv-serving"


def prepare(path: Path, echo: Callable[[str], None], image: ServingImage = IMAGES[DEFAULT_IMAGE]) -> ServingEnvironment:
    """Returns an image's serving environment; builds it if it is missing, incomplete, or of another lock file.

    Quick when there is nothing to do. docs/local-aws.md has what each takes to build.

    Args:
        path: Folder of the default image's environment, whose parents are made; `ServingEnvironments` has the others'.
        echo: Called with one line for each step that takes long.
        image: The image.

    Raises:
        MissingRequirement: This machine lacks Java, Linux on x86-64, or the image's Python and uv could not install it.
        ContainerError: The folder has something else in it, or the packages could not be installed.
    """
    if sentences := requirements.missing():
        raise MissingRequirement("\n".join(sentences))
    environment = ServingEnvironments(path.absolute()).of(image)
    if not environment.ready:
        python = requirements.find_python(image)
        if python is None:
            echo(f"There is no Python {image.python}: uv installs one.")
            python = requirements.install_python(image)
        real = ServingEnvironment(environment.path.resolve(), image)  # of a link, what it leads to
        _clear(real)
        echo(
            f"Building the serving environment of {image.name} in {environment.path.name} (Python {image.python}, "
            f"torch {image.packages['torch']}, {image.server} {image.server_version}; some minutes, once)."
        )
        _build(real, python)
    return environment


def prepare_all(
    path: Path, echo: Callable[[str], None], names: Iterable[ImageName] = (DEFAULT_IMAGE,)
) -> ServingEnvironments:
    """Returns the environments of a local AWS, after `prepare` for each of some images; the others may be missing."""
    for name in names:
        prepare(path, echo, IMAGES[name])
    return ServingEnvironments(path)


def _build(environment: ServingEnvironment, python: Path) -> None:
    environment.path.mkdir(parents=True, exist_ok=True)
    stamp = environment.path / _STAMP
    stamp.touch()  # first, so that a build that is cut short is known as ours, and built anew
    # The folder is not empty: uv adds to it.
    _run_uv("venv", "--no-project", "--allow-existing", "--python", str(python), str(environment.path))
    _run_uv(
        "pip", "install", "--python", str(environment.python), "--require-hashes", "--no-deps",
        "--requirements", str(environment.lock), "--build-constraints", str(environment.build_pins),
        "--compile-bytecode",
    )  # fmt: skip
    stamp.write_text(environment.digest, encoding="ascii")


def _run_uv(*arguments: str) -> None:
    command = [uv.find_uv_bin(), *arguments, "--no-python-downloads", "--no-progress", "--quiet"]
    done = requirements.run_program(command)
    if done.returncode:
        reason = " ".join(done.stdout.split()) or f"exit code {done.returncode}"
        raise ContainerError(f"The serving environment could not be built by `uv {arguments[0]}`: {reason}")


def _clear(environment: ServingEnvironment) -> None:
    """Removes an incomplete or outdated environment that was built here.

    Raises:
        ContainerError: The folder is not empty, and was not built here; it stays as it is.
    """
    path = environment.path
    if not path.exists():
        return
    if not path.is_dir() or (any(path.iterdir()) and not (path / _STAMP).is_file()):
        raise ContainerError(
            f"{path} is there already and is not a serving environment that was built here, so it stays as it is: name "
            "another folder, or delete it yourself."
        )
    shutil.rmtree(path)
