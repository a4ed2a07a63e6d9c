"""External commands, run without a shell."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class CommandError(Exception):
    """A command that cannot be started; the message names the command and the reason."""


def run_command(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; its input and output are the caller's own.

    Args:
        command: The program and its arguments.
        options: Options of `subprocess.run`.

    Raises:
        CommandError: The program cannot be started.
        subprocess.TimeoutExpired: The command takes longer than the option `timeout`.
    """
    try:
        return subprocess.run(command, check=False, encoding="utf-8", errors="replace", **options)
    except OSError as error:
        raise CommandError(f"{command[0]} cannot be run: {error.strerror}.") from error


def capture_command(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command without input; `stdout` of the result holds what it wrote to standard output and error.

    Raises:
        CommandError: The program cannot be started.
        subprocess.TimeoutExpired: The command takes longer than the option `timeout`.
    """
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return run_command(command, **streams, **options)
