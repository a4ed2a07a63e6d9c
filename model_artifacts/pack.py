"""Packs model.tar.gz, the archive that SageMaker unpacks to /opt/ml/model.

The CDK names the archive by `digest()` of what goes in and runs this file when it publishes the asset, so that nothing
is packed at synth or diff. Equal inputs give equal bytes: sorted names, no times, no owners, fixed modes.
Layout: https://docs.aws.amazon.com/sagemaker/latest/dg/adapt-inference-container.html
"""

import argparse
import gzip
import hashlib
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent

# Part of the digest: raise it when the packing itself changes, or an archive of the old form would be reused.
_FORMAT = "1"
_MODELS = ("my_model/model.pth", "my_model/pytorch_model.bin")
_SCRIPT = "code/inference.py"
_FOLDERS = ("code", "my_model")
_LEFT_OUT = {"my_model/README.md", "code/ruff.toml"}


class ArchiveError(Exception):
    """Inputs of which no archive can be made. Its message is one sentence."""


def members(folder: Path) -> list[tuple[str, Path]]:
    """The archive's files as (name in the archive, path), sorted by name.

    Caches, hidden files, the model's README.md and the code's ruff.toml stay out: the endpoint has no use for them.

    Raises:
        ArchiveError: For a missing model or script, and for a symbolic link, which SageMaker refuses.
    """
    found = sorted((path.relative_to(folder).as_posix(), path) for name in _FOLDERS for path in _files(folder / name))
    names = {name for name, _ in found}
    if not names.intersection(_MODELS):
        raise ArchiveError(
            f"{folder / _MODELS[0]} is missing; put the trained model there (a save_pretrained folder's "
            "pytorch_model.bin will do as well)."
        )
    if _SCRIPT not in names:
        raise ArchiveError(f"{folder / _SCRIPT} is missing; the endpoint has nothing to run without it.")
    return [(name, path) for name, path in found if name not in _LEFT_OUT]


def digest(folder: Path) -> str:
    """SHA-256, in hex, over names and contents of what goes into the archive; times, modes and place do not count."""
    whole = hashlib.sha256(_FORMAT.encode())
    for name, path in members(folder):
        with path.open("rb") as content:
            part = hashlib.file_digest(content, "sha256").hexdigest()
        whole.update(f"\n{part} {name}".encode())
    return whole.hexdigest()


def pack(folder: Path, archive: Path) -> None:
    """Writes the archive; a reader sees the whole of it or nothing."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=archive.parent, delete=False) as draft:
        try:
            # Weights hardly compress: a higher level costs minutes and saves nothing.
            with (
                gzip.GzipFile(filename="", fileobj=draft, mode="wb", compresslevel=1, mtime=0) as zipped,
                tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
            ):
                for name, path in members(folder):
                    with path.open("rb") as content:
                        tar.addfile(_entry(name, path.stat().st_size), content)
            draft.flush()
        except BaseException:
            Path(draft.name).unlink()
            raise
    Path(draft.name).replace(archive)


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder that belongs into the archive."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink():
            raise ArchiveError(f"{path} is a symbolic link, which SageMaker refuses; put the file itself there.")
        if path.name.startswith(".") or path.name == "__pycache__" or path.suffix == ".pyc":
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """A member's header: everything but name and size is the same on every machine (mtime, uid and gid are 0)."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o644
    return entry


def build(folder: Path, into: Path, expected: str | None = None) -> Path:
    """Packs into `INTO/DIGEST/model.tar.gz`, unless that is there already, and returns its path.

    Raises:
        ArchiveError: For inputs of which no archive can be made, or of another digest than the expected one.
    """
    found = digest(folder)
    if expected and found != expected:
        raise ArchiveError(f"{folder} has changed since the templates were made; run cdk synth again, then deploy.")
    archive = into / found / "model.tar.gz"
    if not archive.exists():
        pack(folder, archive)
    return archive


def main() -> int:
    """Packs and prints the archive's path, which is all that the CDK CLI reads."""
    parser = argparse.ArgumentParser(description="Pack model.tar.gz and print its path.")
    parser.add_argument("--folder", type=Path, default=ROOT, help="folder that holds my_model/ and code/")
    parser.add_argument("--build", type=Path, default=ROOT.parent / "build", help="folder that the archive goes to")
    parser.add_argument("--expect", metavar="DIGEST", help="refuse inputs of any other digest")
    chosen = parser.parse_args()
    try:
        archive = build(chosen.folder, chosen.build, chosen.expect)
    except (ArchiveError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{archive}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
