"""The workflows' scripts, run as GitHub runs them: a failing command makes its step red."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # it comes with cfn-lint

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKFLOWS = Path(__file__).resolve().parents[2] / ".github" / "workflows"
# The command of a step's `shell`; None for a step without one:
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
SHELLS = {None: ("bash", "-e"), "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail")}
COMMANDS = ("make", "npx")


def working_steps() -> Iterator[Any]:
    """Yields the steps that run one of the commands, each with its shell and its script."""
    for path in sorted(WORKFLOWS.glob("*.yml")):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        shell = workflow.get("defaults", {}).get("run", {}).get("shell")
        for job, content in workflow["jobs"].items():
            for step in content["steps"]:
                script = step.get("run", "")
                if any(f"{command} " in script for command in COMMANDS):
                    yield pytest.param(step.get("shell", shell), script, id=f"{path.stem}-{job}-{step['name']}")


@pytest.mark.parametrize(("shell", "script"), list(working_steps()))
def test_a_failing_command_makes_its_step_red(tmp_path: Path, shell: str | None, script: str) -> None:
    """The step is red, or passes the status to a later step that exits with it."""
    for command in COMMANDS:
        stub = tmp_path / command
        stub.write_text("#!/bin/sh\necho planned\nexit 3\n", encoding="utf-8")
        stub.chmod(0o755)
    (tmp_path / "script").write_text(script, encoding="utf-8")
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*SHELLS[shell], str(tmp_path / "script")],
        env={"PATH": path, "STAGE": "dev", "BASE": "main", **files},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    output = tmp_path / "GITHUB_OUTPUT"
    passed_on = output.read_text(encoding="utf-8") if output.exists() else ""
    assert done.returncode == 3 or "status=3" in passed_on.splitlines()


def test_every_command_is_checked() -> None:
    names = [step.id for step in working_steps()]
    assert "deploy-plan-Show the change set" in names
    assert len(names) >= 8
