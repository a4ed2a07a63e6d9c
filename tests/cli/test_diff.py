"""`async-endpoint diff`: its output as text and Markdown, its usage and its exit status."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from tests.operations.diff.repository import Repository
from tests.operations.diff.stack import BASE, READ, Template

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def head() -> Template:
    return copy.deepcopy(BASE)


def diff(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["diff", *arguments])


def compare(folder: Path, head: Template, *options: str) -> Result:
    for name, template in (("base", BASE), ("head", head)):
        (folder / name).mkdir()
        (folder / name / "Endpoint.template.json").write_text(json.dumps(template), encoding="utf-8")
    return diff(str(folder / "base"), str(folder / "head"), *options)


def test_equal_templates_have_no_differences(tmp_path: Path, head: Template) -> None:
    done = compare(tmp_path, head)
    assert (done.exit_code, done.output) == (0, "No differences.\n")


def test_text_has_a_line_for_each_change_and_the_outputs(tmp_path: Path, head: Template) -> None:
    head["Outputs"]["Url"] = {"Value": "https://"}
    head["Resources"]["Rule"] = {"Type": "AWS::Events::Rule"}
    head["Resources"]["Model"]["Properties"]["PrimaryContainer"]["ModelDataUrl"] = "s3://a/2"
    done = compare(tmp_path, head)
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "  ! replaced  AWS::SageMaker::EndpointConfig  Config (ProductionVariants)",
        "  ~ in place  AWS::SageMaker::Endpoint  Endpoint (EndpointConfigName)",
        "  ! replaced  AWS::SageMaker::Model  Model (PrimaryContainer)",
        "  + added     AWS::Events::Rule  Rule",
        "Outputs: Endpoint/Url added",
    ]


def test_text_has_a_heading_above_each_kind_of_warning(tmp_path: Path, head: Template) -> None:
    head["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"] = [{**READ, "Resource": "*"}]
    done = compare(tmp_path, head)
    assert "Permissions that would be wider:\n  Endpoint/Policy allows s3:GetObject on *\n" in done.output


def test_a_comment_for_a_pull_request_is_markdown(tmp_path: Path, head: Template) -> None:
    head["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"] = [{**READ, "Resource": "*"}]
    del head["Resources"]["In"]
    done = compare(tmp_path, head, "--markdown", "--title", "prod")
    assert done.exit_code == 1
    assert done.output.startswith(
        "### prod\n\n| | resource | type |\n|---|---|---|\n| removed | Endpoint/Documents/Input |"
    )
    assert "- Endpoint/Policy allows s3:GetObject on *\n" in done.output
    assert "**Must not be deployed**\n\n- AWS::S3::Bucket" in done.output


def test_a_folder_without_templates_is_wrong_usage(tmp_path: Path) -> None:
    done = diff(str(tmp_path), str(tmp_path))
    assert done.exit_code == 2
    assert "has no templates: create them with `npx cdk synth --output" in done.output


@pytest.mark.parametrize("arguments", [[], ["."], ["--base", "HEAD", "."], ["--base", "HEAD", ".", "."]])
def test_two_folders_or_a_commit_must_be_named(arguments: list[str]) -> None:
    done = diff(*arguments)
    assert done.exit_code == 2
    assert "Name two folders of `cdk synth --output`, or a commit with --base: one of the two." in done.output


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository whose stages dev, gone and prod are committed; gone is removed since."""
    repository = Repository.create(tmp_path, monkeypatch)
    for stage in ("dev", "gone", "prod"):
        repository.write_stage(stage, BASE)
    repository.commit()
    repository.remove_stage("gone")
    yield repository
    assert repository.worktrees == 1


def test_a_commit_is_compared_stage_by_stage_after_what_cdk_diff_prints(repository: Repository) -> None:
    del repository
    done = diff("--base", "HEAD")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "Stack Endpoint",
        "dev",
        "No differences.",
        "gone",
        "The stage is removed; its stacks stay deployed until you destroy them.",
        "Stack Endpoint",
        "prod",
        "No differences.",
    ]


def test_markdown_for_a_commit_has_a_heading_for_each_stage(repository: Repository, head: Template) -> None:
    del head["Resources"]["In"]
    repository.write_stage("prod", head)
    done = diff("--base", "HEAD", "--markdown")
    assert done.exit_code == 1
    assert [line for line in done.output.splitlines() if line.startswith("#")] == ["### dev", "### gone", "### prod"]
    assert "Stack Endpoint" not in done.output


def test_a_failed_synthesis_prints_its_log(repository: Repository) -> None:
    (repository.folder / "broken").write_text("the reason\n", encoding="utf-8")
    done = diff("--base", "HEAD")
    assert (done.exit_code, done.stderr) == (2, "first line\nthe reason\n")


def test_an_unknown_commit_is_wrong_usage(repository: Repository) -> None:
    del repository
    done = diff("--base", "nowhere")
    assert done.exit_code == 2
    assert "Error: Commit nowhere cannot be checked out: " in done.output


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (["BASE=main"], '.venv/bin/async-endpoint diff --base "main"'),
        (["BASE=main", "MARKDOWN=1"], '.venv/bin/async-endpoint diff --base "main" --markdown'),
        ([], "npx cdk diff --all -c stage=dev"),
    ],
)
def test_make_diff_runs_the_command(given: list[str], command: str) -> None:
    # Nothing is run; what the target needs is taken to exist. Below `make test`, make would announce its folder.
    made = ["-o", ".venv/.done", "-o", "node_modules/.done"]
    recipe = subprocess.run(
        ["make", "--dry-run", *made, "diff", *given],  # noqa: S607 - make is found on PATH
        cwd=ROOT,
        env={
            name: value for name, value in os.environ.items() if not name.startswith("MAKE")
        },  # also below `make test`
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert recipe.strip() == command
