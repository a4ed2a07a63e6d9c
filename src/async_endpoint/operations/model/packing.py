"""The packing step of the app's checkout, which the CDK runs too when it uploads the archive."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from async_endpoint.operations.commands import run_command

# The package itself does not import the app.
PACK = Path("model_artifacts", "pack.py")


class PackingError(Exception):
    """The archive or the lock was not written; the message is empty if the packing step has printed the reason."""


def pack_archive(folder: Path, *, dependencies: str | None = None) -> Path:
    """Packs model.tar.gz of a folder, unless it exists already, and returns its path.

    Args:
        folder: The folder with my_model/ and code/.
        dependencies: "included" or "install"; the packing step's default if None.

    Raises:
        PackingError: There is no packing step here, or it failed.
    """
    return _run(folder, *(("--dependencies", dependencies) if dependencies else ()))


def lock_packages(folder: Path) -> Path:
    """Resolves code/requirements.txt of a folder, writes code/requirements.lock, and returns its path.

    Raises:
        PackingError: There is no packing step here, or it failed.
    """
    return _run(folder, "--lock")


def _run(folder: Path, *options: str) -> Path:
    if not PACK.is_file():
        raise PackingError(f"{PACK} does not exist here: run this in the app's repository, or name an archive.")
    finished = run_command([sys.executable, PACK, "--folder", folder, *options], stdout=subprocess.PIPE)
    if finished.returncode:
        raise PackingError
    return Path(finished.stdout.strip())
