"""The demo has a folder of its own, and prints commands that can be pasted."""

import io
import re
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from async_endpoint.cli import main
from async_endpoint.emulator.launcher import DEFAULT_STATE_DIR, LocalAws
from demo.__main__ import parse_options, print_next_commands
from demo.deployment import ROOT

REGION = "ap-northeast-1"


def printed(monkeypatch: pytest.MonkeyPatch, state_dir: Path) -> list[str]:
    """The commands that the demo prints when it leaves everything up."""
    monkeypatch.setenv("AWS_REGION", REGION)
    text = io.StringIO()
    print_next_commands(Console(file=text, width=40), LocalAws(state_dir, 1, 4566, 20.0, 0.0))
    return re.findall(r"^  (.+)$", text.getvalue(), re.MULTILINE)


def test_it_clears_no_folder_of_the_users() -> None:
    state_dir = parse_options([]).state_dir
    assert state_dir != ROOT / DEFAULT_STATE_DIR
    assert f"{state_dir.name}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    stopped = re.search(r"for folder in (.+); do", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert stopped
    assert stopped[1].split() == [str(DEFAULT_STATE_DIR), state_dir.name]


@pytest.mark.parametrize("folder", [None, "/tmp/of mine"], ids=["its own", "another"])  # noqa: S108 - never created
def test_every_printed_command_is_about_its_local_aws(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str | None
) -> None:
    state_dir = Path(folder) if folder else parse_options([]).state_dir
    shown = folder or state_dir.name
    commands = printed(monkeypatch, state_dir)
    local = [found[1] for found in (re.search(r"async-endpoint (local [^)]+)", each) for each in commands) if found]
    monkeypatch.chdir(tmp_path)
    for command in local:
        output = CliRunner().invoke(main, shlex.split(command)).output
        assert f"No local AWS runs in {shown}" in output, command
    assert [command.split()[1] for command in local] == ["status", "env", "stop"]


def test_the_printed_commands_have_the_path_of_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/usr")
    assert printed(monkeypatch, ROOT / "kept")[0] == (
        f"/usr/bin/async-endpoint local status --state-dir kept --region {REGION}"
    )
