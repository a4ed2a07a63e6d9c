"""Packs model.tar.gz, the archive that SageMaker unpacks to /opt/ml/model.

The CDK names the archive by `digest()` of what goes in and runs this file when it publishes the asset, so that nothing
is packed at synth or diff. Equal inputs give equal bytes. `packing/members.py` has the rules of what is packed.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent

if not __package__:  # run as a script: packages are found from the repository, whatever the current folder is
    sys.path[0] = str(ROOT.parent)

from model_artifacts.packing import digests, errors, locking, members, pins, vendoring, writing  # noqa: E402 - see above

ArchiveError = errors.ArchiveError
CODE, INCLUDED, INSTALL, MOST_BYTES = members.CODE, members.INCLUDED, members.INSTALL, members.MOST_BYTES
BUILD = ROOT.parent / "build"


def digest(folder: Path, dependencies: str = INCLUDED) -> str:
    """Returns the SHA-256, in hex, of the archive's inputs; vendored packages count by their lock.

    Does not read a large file again that has not changed since the last call.

    Raises:
        ArchiveError: The inputs cannot be packed.
    """
    return digests.digest(members.list_members(folder, dependencies), BUILD / "digests.json")


def pack(folder: Path, archive: Path, dependencies: str = INCLUDED, build: Path = BUILD) -> None:
    """Writes the archive atomically.

    Args:
        folder: The folder with my_model/ and code/.
        archive: The file to write.
        dependencies: "included" includes the packages of code/requirements.lock, "install" has pip install those of
            code/requirements.txt when a container starts.
        build: The folder that caches vendored packages.

    Raises:
        ArchiveError: The inputs cannot be packed, or the packages cannot be downloaded.
    """
    found = members.list_members(folder, dependencies)
    if dependencies == INCLUDED:
        found += vendoring.vendored_members(folder / CODE, build / "vendor")
    writing.write(found, archive)
    if archive.stat().st_size > MOST_BYTES:
        archive.unlink()
        raise ArchiveError(
            f"With its packages, the archive of {folder} exceeds SageMaker's limit of {MOST_BYTES // 1024**3} GB; "
            'upload the files uncompressed, and set model.source = "prefix".'
        )


def build(folder: Path, into: Path, expected: str | None = None, dependencies: str = INCLUDED) -> Path:
    """Packs into `INTO/DIGEST/model.tar.gz`, unless that file exists, and returns its path.

    Raises:
        ArchiveError: The inputs cannot be packed, or have another digest than the expected one.
    """
    found = digest(folder, dependencies)
    if expected and found != expected:
        raise ArchiveError(
            f"{folder} has changed since the templates were synthesised; run cdk synth again, then deploy."
        )
    archive = into / found / "model.tar.gz"
    if not archive.exists():
        pack(folder, archive, dependencies, into)
    return archive


def main() -> int:
    """Packs and prints the archive's path, which is the only output that the CDK CLI reads."""
    parser = argparse.ArgumentParser(description="Pack model.tar.gz and print its path.")
    parser.add_argument("--folder", type=Path, default=ROOT, help="the folder with my_model/ and code/")
    parser.add_argument("--build", type=Path, default=BUILD, help="the folder to write the archive to")
    parser.add_argument("--expect", metavar="DIGEST", help="reject inputs with any other digest")
    parser.add_argument(
        "--dependencies",
        choices=(INCLUDED, INSTALL),
        default=INCLUDED,
        help=f"include the packages of code/{pins.LOCK}, or have pip install code/{pins.REQUIREMENTS} at start",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--lock", action="store_true", help=f"write code/{pins.LOCK} instead, and print its path")
    instead.add_argument(
        "--packages",
        action="store_true",
        help="download the included packages instead, and print their folder",
    )
    chosen = parser.parse_args()
    try:
        if chosen.lock:
            written = locking.lock(chosen.folder / CODE)
        elif chosen.packages:
            pins.check_lock(chosen.folder / CODE)
            written = vendoring.download_packages(chosen.folder / CODE, chosen.build / "vendor") or chosen.folder / CODE
        else:
            written = build(chosen.folder, chosen.build, chosen.expect, chosen.dependencies)
    except (ArchiveError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{written}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
