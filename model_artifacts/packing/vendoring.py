"""The packages that the archive includes: downloaded once for each lock and image, and checked against its hashes.

Wheels only, so that nothing is built or run here. The installer's own records and command-line programs are removed;
metadata and licences stay (transformers reads versions from importlib.metadata).
"""

from __future__ import annotations

import hashlib
import importlib
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from model_artifacts.packing import pins
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.members import VENDOR, Member

if TYPE_CHECKING:
    from async_endpoint.protocol.serving_images import ServingImage

_FORMAT = "2"  # increase it when other files are stripped
# The installer's own records; RECORD would list stripped files.
_RECORDS = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
# Top-level folders that are not packages: programs, and tests that some wheels include by mistake.
_NOT_PACKAGES = frozenset({"bin", "share", "include", "test", "tests"})


def vendored_members(code: Path, cache: Path, image: ServingImage) -> list[Member]:
    """Returns the members below code/vendor/: every package of the code's lock; none if there is no lock.

    Args:
        code: The code folder, with a lock that is up to date.
        cache: The folder that keeps the packages of each lock, by the digest of the lock and the image's Python.
        image: The image that the packages are for.

    Raises:
        ArchiveError: The packages cannot be downloaded, or do not have the lock's hashes.
    """
    folder = download_packages(code, cache, image)
    if folder is None:
        return []
    return [
        Member(f"{VENDOR}/{path.relative_to(folder).as_posix()}", path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts  # from a later import
    ]


def download_packages(code: Path, cache: Path, image: ServingImage) -> Path | None:
    """Returns the folder with the packages of the code's lock for an image; None if there is no lock.

    Downloads them if necessary.

    Raises:
        ArchiveError: The packages cannot be downloaded, or do not have the lock's hashes.
    """
    lock = code / pins.lock_name(image)
    if not lock.is_file():
        return None
    content = f"{_FORMAT} {image.python} {image.platform}\n".encode() + lock.read_bytes()
    folder = cache / hashlib.sha256(content).hexdigest()
    if not folder.is_dir():
        sys.stderr.write(f"Downloading the packages of {lock}, once.\n")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as draft:
            downloaded = Path(draft, "packages")
            downloaded.mkdir()  # uv does not if the lock is empty, as where the image brings all
            _install(lock, downloaded, image)
            _strip(downloaded)
            with suppress(OSError):  # another run was first, with the same packages
                downloaded.rename(folder)
    return folder


def run_uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the uv that is installed with this Python.

    Raises:
        ArchiveError: uv is not installed.
    """
    try:
        uv = importlib.import_module("uv")  # a synth needs none
    except ModuleNotFoundError:
        raise ArchiveError(
            "uv, which downloads the packages of the archive, is not installed; run pip install -r requirements.txt."
        ) from None
    command = [uv.find_uv_bin(), *arguments, "--no-progress"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _install(lock: Path, target: Path, image: ServingImage) -> None:
    done = run_uv(
        "pip", "install", "--quiet", "--target", str(target), "--requirements", str(lock),
        "--python", sys.executable, "--python-version", image.python, "--python-platform", image.platform,
        "--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy",
    )  # fmt: skip
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ArchiveError(
            f"The packages of {lock} could not be downloaded, for which packing needs network access: {reason}"
        )


def _strip(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name in _NOT_PACKAGES and path.is_dir():
            shutil.rmtree(path)
        elif path.name.startswith("."):
            path.unlink()
    for path in list(folder.rglob("*.dist-info/*")):
        if path.name in _RECORDS:
            path.unlink()
    for path in list(folder.rglob("__pycache__")):
        shutil.rmtree(path)
    if links := [path for path in folder.rglob("*") if path.is_symlink()]:
        raise ArchiveError(f"A package contains the symbolic link {links[0].name}, which SageMaker rejects.")
