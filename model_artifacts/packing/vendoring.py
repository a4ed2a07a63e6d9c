"""The packages that the archive brings along: fetched once a lock, checked against its hashes, the same everywhere.

Wheels only, so that nothing is built or run here. What an installer notes about itself, and what only a person at a
shell would run, is taken out; metadata and licences stay (transformers asks importlib.metadata for versions).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from model_artifacts.packing import pins
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import VENDOR, Member

_FORMAT = "1"  # raise it when something else is stripped
# The installer's own notes; RECORD would list what was stripped.
_NOTES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
# Folders at the top that are no packages: programs, and the tests of wheels that forgot to leave them out.
_NO_PACKAGES = frozenset({"bin", "share", "include", "test", "tests"})


def vendored(code: Path, cache: Path) -> list[Member]:
    """The members below code/vendor/: every package of the code's lock, or none if it has no lock.

    Args:
        code: The code folder; its lock was checked.
        cache: Folder in which the packages of a lock are kept, by the lock's digest.

    Raises:
        ArchiveError: The packages cannot be fetched, or do not have the lock's hashes.
    """
    folder = packages(code, cache)
    if folder is None:
        return []
    return [
        Member(f"{VENDOR}/{path.relative_to(folder).as_posix()}", path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts  # of an import since
    ]


def packages(code: Path, cache: Path) -> Path | None:
    """The folder of the packages of the code's lock, fetched if they are not there; None if it has no lock.

    Raises:
        ArchiveError: As `vendored`.
    """
    lock = code / pins.LOCK
    if not lock.is_file():
        return None
    folder = cache / hashlib.sha256(f"{_FORMAT}\n".encode() + lock.read_bytes()).hexdigest()
    if not folder.is_dir():
        sys.stderr.write(f"Fetching the packages of {lock}, once.\n")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as draft:
            fetched = Path(draft, "packages")
            _install(lock, fetched)
            _strip(fetched)
            with suppress(OSError):  # another run was first, with the same
                fetched.rename(folder)
    return folder


def run_uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs uv, whichever is installed beside this Python.

    Raises:
        ArchiveError: uv is not installed.
    """
    try:
        import uv  # noqa: PLC0415 - a synth needs none
    except ModuleNotFoundError:
        raise ArchiveError(
            "uv, which fetches the packages of the archive, is not installed; run pip install -r requirements.txt."
        ) from None
    command = [uv.find_uv_bin(), *arguments, "--no-progress"]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - uv itself, no shell


def _install(lock: Path, target: Path) -> None:
    done = run_uv(
        "pip", "install", "--quiet", "--target", str(target), "--requirements", str(lock),
        "--python", sys.executable, "--python-version", pins.PYTHON, "--python-platform", pins.PLATFORM,
        "--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy",
    )  # fmt: skip
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ArchiveError(
            f"The packages of {lock} could not be fetched, which packing them needs a network for: {reason}"
        )


def _strip(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name in _NO_PACKAGES and path.is_dir():
            shutil.rmtree(path)
        elif path.name.startswith("."):
            path.unlink()
    for path in list(folder.rglob("*.dist-info/*")):
        if path.name in _NOTES:
            path.unlink()
    for path in list(folder.rglob("__pycache__")):
        shutil.rmtree(path)
    if links := [path for path in folder.rglob("*") if path.is_symlink()]:
        raise ArchiveError(f"A package brings the symbolic link {links[0].name}, which SageMaker refuses.")
