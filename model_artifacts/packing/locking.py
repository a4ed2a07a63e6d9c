"""Makes requirements.lock: every package that the archive brings along, at one version, with its hashes and no host.

What the image brings is taken at the image's version where vendor.toml names one, and stays out; so does what
vendor.toml lists as never imported. The versions of the lock before are kept where they still fit: delete it to have
the newest.
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
    """Resolves the code's requirements anew and writes the lock beside them; takes a network.

    Returns:
        The lock.

    Raises:
        ArchiveError: There is nothing to lock, uv finds no versions that fit, or vendor.toml leaves out what nothing
            asks for.
    """
    wanted, target = pins.read(code), code / pins.LOCK
    if not wanted.pins:
        raise ArchiveError(f"{code / pins.REQUIREMENTS} asks for no package; there is nothing to lock.")
    blocks = _resolved(wanted, target)
    unknown = sorted((wanted.image.keys() | wanted.left_out) - blocks.keys())
    if unknown:
        raise ArchiveError(
            f"{code / pins.VENDOR_LIST} names {', '.join(unknown)}, which nothing in {pins.REQUIREMENTS} asks for; "
            "take it out."
        )
    kept = [block for name, block in sorted(blocks.items()) if name not in wanted.image.keys() | wanted.left_out]
    draft = target.with_name(f".{target.name}")
    draft.write_text(wanted.first_line + "".join(kept), encoding="utf-8")
    draft.replace(target)
    return target


def _resolved(wanted: pins.Wanted, before: Path) -> dict[str, str]:
    """Every package that is asked for, directly or not: its lines of a lock, by its name."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        requirements, constraints, out = (folder / name for name in ("in.txt", "constraints.txt", "out.txt"))
        requirements.write_text("\n".join(wanted.pins), encoding="utf-8")
        fixed = [f"{name}=={version}\n" for name, version in wanted.image.items() if version]
        constraints.write_text("".join(fixed), encoding="utf-8")
        if before.is_file():
            shutil.copyfile(before, out)  # the versions that uv prefers
        done = run_uv(
            "pip", "compile", str(requirements), "--constraints", str(constraints), "--output-file", str(out),
            "--python", sys.executable, "--python-version", pins.PYTHON, "--python-platform", pins.PLATFORM,
            "--generate-hashes", "--no-header", "--no-annotate", "--quiet",
        )  # fmt: skip
        if done.returncode:
            raise ArchiveError(f"No versions were found that fit together: {' '.join(done.stderr.split())}")
        text = out.read_text(encoding="utf-8")
    # A package begins at the margin, its hashes are indented.
    blocks = re.findall(r"^[A-Za-z0-9].*\n(?:[ \t]+.*\n)*", text, re.MULTILINE)
    return {pins.normalised(re.split(r"[=\[ ]", block, maxsplit=1)[0]): block for block in blocks}
