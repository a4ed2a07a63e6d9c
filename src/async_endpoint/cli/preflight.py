"""`async-endpoint preflight`: check what would stop a deploy, before it starts."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError

from async_endpoint.cli.aws_session import patient_session
from async_endpoint.operations.cdk import CdkError, synthesised
from async_endpoint.operations.preflight import Assembly, AssemblyError, Status, run
from async_endpoint.operations.preflight.identity import unusable_credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from async_endpoint.operations.preflight import Check

_COLOURS = {Status.OK: "green", Status.WARNING: "yellow", Status.ERROR: "red", Status.SKIPPED: "bright_black"}


@click.command()
@click.option("--stage", metavar="NAME", help="The stage to check; it is synthesised first.")
@click.option(
    "--app",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of `cdk synth --output` to check, instead of a stage.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def preflight(stage: str | None, app: Path | None, *, as_json: bool) -> None:
    """Check that the account has what a deploy needs.

    Changes nothing. Prints one line for each check: ok, a warning, or an error that would stop the deploy, with the
    command that fixes it. Skips checks that depend on a failed one.

    \b
    async-endpoint preflight --stage dev

    Exit status: 0 nothing stops a deploy, 1 something does, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if (stage is None) == (app is None):
        raise click.UsageError("Name a stage with --stage, or a synthesised app with --app: one of the two.")
    try:
        with contextlib.nullcontext(app) if app else synthesised(stage or "") as folder:
            assembly = Assembly.from_folder(folder)
    except AssemblyError as error:
        raise click.UsageError(str(error)) from error
    except CdkError as error:
        raise click.ClickException(str(error)) from error
    try:
        checks = run(assembly, patient_session())
    except BotoCoreError as error:  # such as a profile that does not exist
        checks = [unusable_credentials(error)]
    click.echo(_as_json(checks) if as_json else "\n".join(_as_lines(checks)))
    if any(check.status is Status.ERROR for check in checks):
        sys.exit(1)


def _as_json(checks: Sequence[Check]) -> str:
    is_ready = all(check.status is not Status.ERROR for check in checks)
    return json.dumps({"ready": is_ready, "checks": [asdict(check) for check in checks]}, indent=2)


def _as_lines(checks: Sequence[Check]) -> list[str]:
    """Returns a line for each check, and below it the fix, unwrapped so that it can be copied."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        status = click.style(f"{check.status:<7}", fg=_COLOURS[check.status])
        lines.append(f"{status}  {check.name:<{width}}  {check.message}")
        if check.fix:
            lines.append(f"{'':<{width + 11}}→ {check.fix}")
    return lines
