"""A git repository with an app, for tests: a stage's template is a file, and a script in the place of npx copies it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_NPX = """\
#!/bin/sh
# npx cdk synth --quiet --no-notices --output FOLDER -c stage=STAGE, or: npx cdk diff STACK …
if [ "$2" = diff ]; then echo "Stack $3"; exit; fi
test ! -e broken || { echo 'first line'; cat broken; exit 1; }
mkdir -p "$6" && cp "templates/${8#stage=}.json" "$6/Endpoint.template.json"
"""


@dataclass
class Repository:
    """A repository in `folder`, which is the current folder of the test."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
        """An empty repository, with npx on the PATH."""
        programs = folder / "programs"
        programs.mkdir()
        (programs / "npx").write_text(_NPX, encoding="utf-8")
        (programs / "npx").chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        repository = cls(folder / "repository")
        repository.folder.mkdir()
        monkeypatch.chdir(repository.folder)
        repository.git("init", "--quiet")
        return repository

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.com")
        return subprocess.run(
            ["git", *identity, *arguments],  # noqa: S607 - git is found on PATH
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def write_stage(self, name: str, template: dict[str, Any]) -> None:
        for folder, suffix, text in (("config", "toml", ""), ("templates", "json", json.dumps(template))):
            path = self.folder / folder / f"{name}.{suffix}"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def remove_stage(self, name: str) -> None:
        (self.folder / "config" / f"{name}.toml").unlink()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a commit")

    @property
    def worktrees(self) -> int:
        """How many worktrees git knows of, its own included."""
        return self.git("worktree", "list").count("\n")
