"""The packing step of the app's checkout, which the CDK runs too when it uploads the archive."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from async_endpoint.operations.commands import run_command
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, ImageName

# The package itself does not import the app.
PACK = Path("model_artifacts", "pack.py")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_VERSION_DIGITS = 12  # of an archive's digest, in MODEL_VERSION


class PackingError(Exception):
    """The archive or the lock was not written; the message is empty if the packing step has printed the reason."""


def pack_archive(
    folder: Path,
    *,
    dependencies: str | None = None,
    program: str | None = None,
    image: ImageName = DEFAULT_IMAGE,
) -> Path:
    """Packs model.tar.gz of a folder, unless it exists already, and returns its path.

    Args:
        folder: The folder with the model's weights and code/.
        dependencies: "included" or "install"; the packing step's default if None.
        program: The container's SAGEMAKER_PROGRAM; the packing step's default if None.
        image: The image that the archive is for.

    Raises:
        PackingError: There is no packing step here, or it failed.
    """
    options = {"--dependencies": dependencies, "--program": program, "--image": image}
    (archive,) = _run(folder, *(word for name, value in options.items() if value for word in (name, value)))
    return archive


def lock_packages(folder: Path, image: ImageName | None = None) -> list[Path]:
    """Resolves code/requirements.txt of a folder, writes the locks beside it, and returns their paths.

    Args:
        folder: The folder with the model's weights and code/.
        image: The image to lock for; None for each image that the folder has a lock for, at least the default one.

    Raises:
        PackingError: There is no packing step here, or it failed.
    """
    return _run(folder, "--lock", *(["--image", image] if image else []))


def version_variables(archive: Path) -> dict[str, str]:
    """Returns MODEL_VERSION as the stacks set it: an archive that is packed here is in a folder named by its digest."""
    digest = archive.absolute().parent.name
    return {"MODEL_VERSION": digest[:_VERSION_DIGITS]} if _DIGEST.fullmatch(digest) else {}


def shown(path: Path) -> Path:
    """Returns a path relative to the current folder, if it is below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _run(folder: Path, *options: str) -> list[Path]:
    if not PACK.is_file():
        raise PackingError(f"{PACK} does not exist here: run this in the app's repository, or name an archive.")
    finished = run_command([sys.executable, PACK, "--folder", folder, *options], stdout=subprocess.PIPE)
    if finished.returncode:
        raise PackingError
    return [Path(line) for line in finished.stdout.splitlines()]
