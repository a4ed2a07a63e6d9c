"""Packs model.tar.gz, the archive that SageMaker unpacks to /opt/ml/model.

The CDK names the archive by `digest()` of what goes in and runs this file when it publishes the asset, so that nothing
is packed at synth or diff. Equal inputs give equal bytes. `packing/members.py` has the rules of what is packed.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

ROOT = Path(__file__).resolve().parent

if not __package__:  # run as a script: packages are found from the repository, whatever the current folder is
    sys.path[:1] = [str(ROOT.parent), str(ROOT.parent / "src")]

from async_endpoint.protocol.packed_for import PackedFor  # noqa: E402 - see above
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName  # noqa: E402 - see above
from model_artifacts.packing import digests, errors, locking, members, pins, vendoring, writing  # noqa: E402 - see above

ArchiveError = errors.ArchiveError
CODE, INCLUDED, INSTALL, MOST_BYTES = members.CODE, members.INCLUDED, members.INSTALL, members.MOST_BYTES
PROGRAM = members.PROGRAM
BUILD = ROOT.parent / "build"


def digest(
    folder: Path, dependencies: str = INCLUDED, program: str = PROGRAM, *, image: ImageName = DEFAULT_IMAGE
) -> str:
    """Returns the SHA-256, in hex, of the archive's inputs; vendored packages count by their lock.

    Does not read a large file again that has not changed since the last call.

    Raises:
        ArchiveError: The inputs cannot be packed.
    """
    return digest_and_notes(folder, dependencies, program, image=image)[0]


def digest_and_notes(
    folder: Path,
    dependencies: str = INCLUDED,
    program: str = PROGRAM,
    *,
    image: ImageName = DEFAULT_IMAGE,
) -> tuple[str, tuple[str, ...]]:
    """Returns the digest, and what the reader should know: what is left out, and what may be missing.

    Raises:
        ArchiveError: The inputs cannot be packed.
    """
    contents = members.read_contents(folder, dependencies, program, image=image)
    packed_for = PackedFor.from_image(IMAGES[image])
    return digests.digest(contents.members, packed_for, BUILD / "digests.json"), contents.notes


def pack(
    folder: Path,
    archive: Path,
    dependencies: str = INCLUDED,
    build: Path = BUILD,
    program: str = PROGRAM,
    *,
    image: ImageName = DEFAULT_IMAGE,
) -> None:
    """Writes the archive atomically.

    Args:
        folder: The folder with the model's weights and code/.
        archive: The file to write.
        dependencies: "included" includes the packages of the image's lock, "install" has pip install those of
            code/requirements.txt when a container starts.
        build: The folder that caches vendored packages.
        program: The container's SAGEMAKER_PROGRAM.
        image: The image that the archive is for.

    Raises:
        ArchiveError: The inputs cannot be packed, or the packages cannot be downloaded.
    """
    found = members.list_members(folder, dependencies, program, image=image)
    if dependencies == INCLUDED:
        found += vendoring.vendored_members(folder / CODE, build / "vendor", IMAGES[image])
    writing.write(found, PackedFor.from_image(IMAGES[image]), archive)
    if archive.stat().st_size > MOST_BYTES:
        archive.unlink()
        raise ArchiveError(
            f"With its packages, the archive of {folder} exceeds SageMaker's limit of {MOST_BYTES // 1024**3} GB; "
            'upload the files uncompressed, and set model.source = "prefix".'
        )


def build(
    folder: Path,
    into: Path,
    expected: str | None = None,
    dependencies: str = INCLUDED,
    program: str = PROGRAM,
    *,
    image: ImageName = DEFAULT_IMAGE,
) -> Path:
    """Packs into `INTO/DIGEST/model.tar.gz`, unless that file exists, and returns its path.

    Says on standard error what is left out of the folder.

    Raises:
        ArchiveError: The inputs cannot be packed, or have another digest than the expected one.
    """
    found, notes = digest_and_notes(folder, dependencies, program, image=image)
    if expected and found != expected:
        raise ArchiveError(
            f"{folder} has changed since the templates were synthesised; run cdk synth again, then deploy."
        )
    for note in notes:
        sys.stderr.write(f"{note}\n")
    archive = into / found / "model.tar.gz"
    if not archive.exists():
        pack(folder, archive, dependencies, into, program, image=image)
    return archive


def main() -> int:
    """Packs and prints the archive's path, which is the only output that the CDK CLI reads."""
    chosen = _parser().parse_args()
    try:
        for path in _written(chosen):
            sys.stdout.write(f"{path}\n")
    except (ArchiveError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Pack model.tar.gz and print its path.")
    parser.add_argument("--folder", type=Path, default=ROOT, help="the folder with the weights and code/")
    parser.add_argument("--build", type=Path, default=BUILD, help="the folder to write the archive to")
    parser.add_argument("--expect", metavar="DIGEST", help="reject inputs with any other digest")
    parser.add_argument(
        "--image",
        choices=get_args(ImageName),
        help=f"the image that the archive is for (default: {DEFAULT_IMAGE}; of --lock, each that has a lock)",
    )
    parser.add_argument(
        "--dependencies",
        choices=(INCLUDED, INSTALL),
        default=INCLUDED,
        help=f"include the packages of the image's lock, or have pip install code/{pins.REQUIREMENTS} at start",
    )
    parser.add_argument("--program", default=PROGRAM, help="the container's SAGEMAKER_PROGRAM")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--lock", action="store_true", help="write the locks beside the requirements instead, and print their paths"
    )
    instead.add_argument(
        "--packages",
        action="store_true",
        help="download the included packages instead, and print their folder",
    )
    return parser


def _written(chosen: argparse.Namespace) -> Iterator[Path]:
    code = chosen.folder / CODE
    name: ImageName = chosen.image or DEFAULT_IMAGE
    if chosen.lock:
        for image in [IMAGES[chosen.image]] if chosen.image else pins.locked_images(code):
            yield locking.lock(code, image)
    elif chosen.packages:
        pins.check_lock(code, IMAGES[name])
        yield vendoring.download_packages(code, chosen.build / "vendor", IMAGES[name]) or code
    else:
        yield build(chosen.folder, chosen.build, chosen.expect, chosen.dependencies, chosen.program, image=name)


if __name__ == "__main__":
    sys.exit(main())
