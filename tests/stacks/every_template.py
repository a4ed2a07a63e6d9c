"""Synthesises every stage with every image, with every rule on: `python -m tests.stacks.every_template FOLDER`.

One process for all: loading CloudFormation's schemas takes longer than everything else.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from app import ROOT, build_app
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES
from model_artifacts.pack import ArchiveError
from stacks.settings.fields import SettingsError
from stacks.settings.stage import load_settings


def stages_and_images(stages: Path) -> Iterator[tuple[str, str | None]]:
    """Yields every stage in a folder with its own image, None, and with each of the others."""
    for path in sorted(stages.glob("*.toml")):
        own = tomllib.loads(path.read_text(encoding="utf-8"))["endpoint"].get("image", DEFAULT_IMAGE)
        yield path.stem, None
        yield from ((path.stem, image) for image in IMAGES if image != own)


def main(stages: Path, folder: Path) -> int:
    """Synthesises into a folder each, and says of every stage and image what came of it."""
    failed = False
    for stage, image in stages_and_images(stages):
        name = f"{stage}-{image}" if image else stage
        try:
            settings = load_settings(stages, stage, image=image)
            artifacts = settings.model.artifacts_in(ROOT)
            build_app(settings, artifacts=artifacts, outdir=folder / name).synth()
        except (SettingsError, ArchiveError) as error:
            # A stage may have an instance type, or packages, for its own image alone.
            sys.stdout.write(f"{name}: {'cannot have this image: ' if image else ''}{error}\n")
            failed |= image is None
        else:
            sys.stdout.write(f"{name}: cdk-nag finds nothing\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(ROOT / "config", Path(sys.argv[1])))
