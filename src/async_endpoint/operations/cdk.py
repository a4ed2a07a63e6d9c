"""The CDK CLI of the app's checkout: `cdk synth` for a stage, `cdk diff` for a template."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from async_endpoint.operations.commands import CommandError, capture_command

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMEOUT_SECONDS = 300
_LAST_LINES = 5
_BANNER = ("b'!!", "!!")  # of jsii, about the version of Node
# jsii warns at length about Node 20, on which it works. It wants the major versions about which to be silent.
_ENVIRONMENT = {
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "20",
}


class CdkError(Exception):
    """A run of the CDK CLI that failed.

    Attributes:
        log: Everything the CDK CLI printed.
    """

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


def synthesise(stage: str, output: Path, *, app: Path | None = None, image: str | None = None) -> None:
    """Synthesises a stage into the folder `output`.

    Args:
        stage: The stage's name.
        output: The folder of the cloud assembly; created.
        app: The checkout that holds the app; the current folder by default.
        image: The serving image in place of the stage's own.

    Raises:
        CdkError: The CDK CLI is missing, failed or took too long.
    """
    arguments = ["synth", "--quiet", "--no-notices", "--output", str(output), "-c", f"stage={stage}"]
    failure = f"Stage {stage} cannot be synthesised"
    if image is not None:
        arguments += ["-c", f"image={image}"]
        failure += f" with the image {image}"
    _run(arguments, failure, app)


@contextmanager
def synthesised(stage: str, *, image: str | None = None) -> Iterator[Path]:
    """Yields a temporary folder with the cloud assembly of a stage of the app in the current folder.

    Args:
        stage: The stage's name.
        image: The serving image in place of the stage's own.

    Raises:
        CdkError: The CDK CLI is missing, failed or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="async-endpoint-") as folder:
        synthesise(stage, Path(folder), image=image)
        yield Path(folder)


def diff_stack(stack: str, assembly: Path, template: Path) -> str:
    """Returns what `cdk diff` prints for a stack of an assembly against an older template.

    Raises:
        CdkError: The CDK CLI is missing, failed or took too long.
    """
    arguments = ["diff", stack, "--exclusively", "--app", str(assembly), "--template", str(template)]
    return _run(arguments, f"Stack {stack} cannot be compared", None)


def _run(arguments: list[str], failure: str, app: Path | None) -> str:
    """Returns what the CDK CLI printed, without npm's own lines."""
    environment = os.environ | _ENVIRONMENT
    if app is not None:
        # The virtual environment installs the package from another checkout; the app must import its own.
        environment["PYTHONPATH"] = str(app / "src")
    try:
        finished = capture_command(["npx", "cdk", *arguments], cwd=app, env=environment, timeout=_TIMEOUT_SECONDS)
    except CommandError as error:
        raise CdkError(f"{error} Install Node 20 or later, which includes npx.") from error
    except subprocess.TimeoutExpired as error:
        raise CdkError(f"`npx cdk {arguments[0]}` took longer than {_TIMEOUT_SECONDS} s: run it yourself.") from error
    if finished.returncode:
        lines = [line for line in finished.stdout.strip().splitlines() if not line.startswith(_BANNER)]
        last_lines = "\n".join(lines[-_LAST_LINES:])
        raise CdkError(f"{failure}:\n{last_lines}", finished.stdout)
    return "".join(line for line in finished.stdout.splitlines(keepends=True) if not line.startswith("npm "))
