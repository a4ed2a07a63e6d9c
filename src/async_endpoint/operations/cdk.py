"""A stage's cloud assembly, made by the CDK CLI in a folder that goes away."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 300
_LINES_SHOWN = 5
# jsii warns at length about Node 20, on which it works.
_QUIET = {
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
}


class SynthesisError(Exception):
    """The stage cannot be synthesised; the message ends with what the CDK CLI printed last."""


@contextmanager
def synthesised(stage: str) -> Iterator[Path]:
    """The assembly of a stage of the app in the current folder, as long as the context lasts.

    Raises:
        SynthesisError: There is no CDK CLI, or it failed.
    """
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
        command = ["npx", "cdk", "synth", "--quiet", "--no-notices", "--output", folder, "-c", f"stage={stage}"]
        try:
            finished = subprocess.run(  # noqa: S603 - this project's own tool
                command,
                env=os.environ | _QUIET,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise SynthesisError("npx is not installed: install Node, or give a synthesised app with --app.") from error
        except subprocess.TimeoutExpired as error:
            raise SynthesisError(f"`npx cdk synth` took longer than {_SECONDS} s: run it by hand.") from error
        if finished.returncode:
            said = "\n".join(finished.stdout.strip().splitlines()[-_LINES_SHOWN:])
            raise SynthesisError(f"Stage {stage} cannot be synthesised:\n{said}")
        yield Path(folder)
