"""Packs model.tar.gz, the archive that SageMaker unpacks to /opt/ml/model.

The CDK names the archive by `digest()` of what goes in and runs this file when it publishes the asset, so that nothing
is packed at synth or diff. Equal inputs give equal bytes. What goes in and what is refused: `packing/members.py`.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent

if not __package__:  # run as a script, from whichever folder: the repository's is where packages are found
    sys.path[0] = str(ROOT.parent)

from model_artifacts.packing import digests, locking, pins, vendoring, writing  # noqa: E402 - after the line above
from model_artifacts.packing.errors import ArchiveError  # noqa: E402 - the same
from model_artifacts.packing.members import CODE, INCLUDED, INSTALL, MOST_BYTES, Member, members  # noqa: E402 - the same

__all__ = ["INCLUDED", "INSTALL", "ROOT", "ArchiveError", "Member", "build", "digest", "members", "pack"]

BUILD = ROOT.parent / "build"


def digest(folder: Path, dependencies: str = INCLUDED) -> str:
    """SHA-256, in hex, over what goes into the archive; of vendored packages, over their lock.

    Reads no file again that it has read before and that has not changed since.

    Raises:
        ArchiveError: For inputs of which no archive can be made.
    """
    return digests.digest(members(folder, dependencies), BUILD / "digests.json")


def pack(folder: Path, archive: Path, dependencies: str = INCLUDED, build: Path = BUILD) -> None:
    """Writes the archive; a reader sees the whole of it or nothing.

    Args:
        folder: Holds my_model/ and code/.
        archive: The file to write.
        dependencies: "included" brings the packages of code/requirements.lock along, "install" has pip install those
            of code/requirements.txt when a container starts.
        build: Folder that keeps vendored packages.

    Raises:
        ArchiveError: For inputs of which no archive can be made, and for packages that cannot be fetched.
    """
    found = members(folder, dependencies)
    if dependencies == INCLUDED:
        found += vendoring.vendored(folder / CODE, build / "vendor")
    writing.write(found, archive)
    if archive.stat().st_size > MOST_BYTES:
        archive.unlink()
        raise ArchiveError(
            f"With its packages the archive of {folder} is larger than the {MOST_BYTES // 1024**3} GB that SageMaker "
            'takes; upload the files as they are, and set model.source = "prefix".'
        )


def build(folder: Path, into: Path, expected: str | None = None, dependencies: str = INCLUDED) -> Path:
    """Packs into `INTO/DIGEST/model.tar.gz`, unless that is there already, and returns its path.

    Raises:
        ArchiveError: For inputs of which no archive can be made, or of another digest than the expected one.
    """
    found = digest(folder, dependencies)
    if expected and found != expected:
        raise ArchiveError(f"{folder} has changed since the templates were made; run cdk synth again, then deploy.")
    archive = into / found / "model.tar.gz"
    if not archive.exists():
        pack(folder, archive, dependencies, into)
    return archive


def main() -> int:
    """Packs and prints the archive's path, which is all that the CDK CLI reads."""
    parser = argparse.ArgumentParser(description="Pack model.tar.gz and print its path.")
    parser.add_argument("--folder", type=Path, default=ROOT, help="folder that holds my_model/ and code/")
    parser.add_argument("--build", type=Path, default=BUILD, help="folder that the archive goes to")
    parser.add_argument("--expect", metavar="DIGEST", help="refuse inputs of any other digest")
    parser.add_argument(
        "--dependencies",
        choices=(INCLUDED, INSTALL),
        default=INCLUDED,
        help=f"bring the packages of code/{pins.LOCK} along, or have pip install code/{pins.REQUIREMENTS} at start",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--lock", action="store_true", help=f"write code/{pins.LOCK} instead, and print its path")
    instead.add_argument(
        "--packages",
        action="store_true",
        help="fetch the packages that are brought along instead, and print their folder",
    )
    chosen = parser.parse_args()
    try:
        if chosen.lock:
            made = locking.lock(chosen.folder / CODE)
        elif chosen.packages:
            pins.check_lock(chosen.folder / CODE)
            made = vendoring.packages(chosen.folder / CODE, chosen.build / "vendor") or chosen.folder / CODE
        else:
            made = build(chosen.folder, chosen.build, chosen.expect, chosen.dependencies)
    except (ArchiveError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{made}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
