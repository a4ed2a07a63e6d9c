"""`async-endpoint preflight`: what would stop a deploy, before it starts."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import click
from botocore.exceptions import BotoCoreError

from async_endpoint.operations.preflight import Assembly, AssemblyError, Status, SynthesisError, run, synthesised
from async_endpoint.operations.preflight.identity import broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from async_endpoint.operations.preflight import Check

_COLOURS = {Status.OK: "green", Status.WARNING: "yellow", Status.ERROR: "red", Status.SKIPPED: "bright_black"}


@click.command()
@click.option("--stage", metavar="NAME", help="The stage to check; its app is synthesised for it.")
@click.option(
    "--app",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of `cdk synth --output` to check, instead of a stage.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def preflight(stage: str | None, app: Path | None, *, as_json: bool) -> None:
    """Check what a deploy of a stage needs of its account; ask only, change nothing.

    One line for each check: ok, a warning, or an error that would stop the deploy, with the command that mends it. What
    depends on a failed check is skipped.

    Exit status: 0 nothing stops a deploy, 1 something does, 2 wrong usage.
    """
    if (stage is None) == (app is None):
        raise click.UsageError("Name a stage with --stage, or a synthesised app with --app: one of the two.")
    try:
        with contextlib.nullcontext(app) if app else synthesised(stage or "") as folder:
            assembly = Assembly.read(folder)
    except AssemblyError as error:
        raise click.UsageError(str(error)) from error
    except SynthesisError as error:
        raise click.ClickException(str(error)) from error
    try:
        checks = run(assembly, boto3.Session())
    except BotoCoreError as error:  # such as a profile that does not exist
        checks = [broken(error)]
    click.echo(_json(checks) if as_json else "\n".join(_lines(checks)))
    if any(check.status is Status.ERROR for check in checks):
        raise SystemExit(1)


def _json(checks: Sequence[Check]) -> str:
    is_ready = all(check.status is not Status.ERROR for check in checks)
    return json.dumps({"ready": is_ready, "checks": [asdict(check) for check in checks]}, indent=2)


def _lines(checks: Sequence[Check]) -> list[str]:
    """A line for each check, and below it what mends it, unbroken: it is there to be copied."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        status = click.style(f"{check.status:<7}", fg=_COLOURS[check.status])
        lines.append(f"{status}  {check.name:<{width}}  {check.message}")
        if check.fix:
            lines.append(f"{'':<{width + 11}}→ {check.fix}")
    return lines
