"""Writes requirements.lock: every package that the archive includes, at one version, with its hashes and no host.

Leaves out the packages of the image, which are resolved at the image's version if vendor.toml names one, and the
packages that vendor.toml lists as never imported. Keeps the versions of the existing lock if they still fit: delete the
lock to get the newest.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from model_artifacts.packing import pins
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.vendoring import run_uv


def lock(code: Path) -> Path:
    """Resolves the code's requirements and writes the lock beside them; needs network access.

    Returns:
        The lock's path.

    Raises:
        ArchiveError: There is nothing to lock, uv finds no compatible versions, or vendor.toml lists packages that
            nothing requires.
    """
    requirements, target = pins.read_requirements(code), code / pins.LOCK
    if not requirements.pins:
        raise ArchiveError(f"{code / pins.REQUIREMENTS} lists no package; there is nothing to lock.")
    blocks = _resolve(requirements, target)
    unknown = sorted((requirements.image.keys() | requirements.left_out) - blocks.keys())
    if unknown:
        raise ArchiveError(
            f"{code / pins.VENDOR_LIST} names {', '.join(unknown)}, which nothing in {pins.REQUIREMENTS} requires; "
            "remove it."
        )
    kept = [
        block for name, block in sorted(blocks.items()) if name not in requirements.image.keys() | requirements.left_out
    ]
    draft = target.with_name(f".{target.name}")
    draft.write_text(requirements.first_line + "".join(kept), encoding="utf-8")
    draft.replace(target)
    return target


def _resolve(requirements: pins.Requirements, before: Path) -> dict[str, str]:
    """Returns the lock's lines of every package that is required, directly or not, by the package's name."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pinned, constraints, out = (folder / name for name in ("in.txt", "constraints.txt", "out.txt"))
        pinned.write_text("\n".join(requirements.pins), encoding="utf-8")
        fixed = [f"{name}=={version}\n" for name, version in requirements.image.items() if version]
        constraints.write_text("".join(fixed), encoding="utf-8")
        if before.is_file():
            shutil.copyfile(before, out)  # the versions that uv prefers
        done = run_uv(
            "pip", "compile", str(pinned), "--constraints", str(constraints), "--output-file", str(out),
            "--python", sys.executable, "--python-version", pins.PYTHON, "--python-platform", pins.PLATFORM,
            "--generate-hashes", "--no-header", "--no-annotate", "--quiet",
        )  # fmt: skip
        if done.returncode:
            raise ArchiveError(f"No compatible versions were found: {' '.join(done.stderr.split())}")
        text = out.read_text(encoding="utf-8")
    # A package starts at the margin; its hashes are indented.
    blocks = re.findall(r"^[A-Za-z0-9].*\n(?:[ \t]+.*\n)*", text, re.MULTILINE)
    return {pins.normalised(re.split(r"[=\[ ]", block, maxsplit=1)[0]): block for block in blocks}
