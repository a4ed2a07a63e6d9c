"""A comparison with a commit, in a real git repository; see `repository.py` for what stands in for the CDK."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from async_endpoint.operations.cdk import CdkError
from async_endpoint.operations.diff.commits import CommitError, StageComparison, compare_with_commit
from tests.operations.diff.stack import BASE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.operations.diff.repository import Repository
    from tests.operations.diff.stack import Template


def compared(commit: str, *, cdk_diffs: bool = False) -> dict[str, StageComparison]:
    with contextlib.closing(compare_with_commit(commit, cdk_diffs=cdk_diffs)) as comparisons:
        return {comparison.stage: comparison for comparison in comparisons}


def test_every_stage_of_the_working_tree_is_compared_with_the_commit(repository: Repository, head: Template) -> None:
    repository.write_stage("dev", BASE)
    repository.write_stage("prod", BASE)
    repository.commit()
    head["Resources"]["Rule"] = {"Type": "AWS::Events::Rule"}
    repository.write_stage("dev", head)

    found = compared("HEAD", cdk_diffs=True)

    assert {stage: comparison.cdk_diffs for stage, comparison in found.items()} == {
        "dev": ("Stack Endpoint\n",),
        "prod": ("Stack Endpoint\n",),
    }
    reviews = {stage: comparison.review for stage, comparison in found.items()}
    assert reviews["dev"] is not None
    assert [change.logical_id for change in reviews["dev"].changes] == ["Rule"]
    assert reviews["prod"] is not None
    assert reviews["prod"].is_empty
    assert repository.worktrees == 1


def test_a_new_stage_adds_everything_and_a_removed_stage_has_no_review(repository: Repository) -> None:
    repository.write_stage("dev", BASE)
    repository.commit()
    repository.remove_stage("dev")
    repository.write_stage("new", BASE)

    found = compared("HEAD", cdk_diffs=True)

    assert found["dev"] == StageComparison("dev", None)
    assert found["new"].review is not None
    assert {change.action for change in found["new"].review.changes} == {"added"}
    assert found["new"].cdk_diffs == ()


@pytest.mark.parametrize("side", ["commit", "working tree"])
def test_a_failed_synthesis_has_its_log_and_leaves_no_worktree(repository: Repository, side: str) -> None:
    repository.write_stage("dev", BASE)
    broken = repository.folder / "broken"
    broken.write_text("the reason", encoding="utf-8")
    if side == "commit":
        repository.commit()
        broken.unlink()
    else:
        repository.git("add", "config", "templates")
        repository.git("commit", "--quiet", "--message", "a commit")

    with pytest.raises(CdkError) as failed:
        compared("HEAD")

    assert failed.value.log == "first line\nthe reason"
    assert repository.worktrees == 1


def test_a_commit_that_does_not_exist_is_an_error(repository: Repository) -> None:
    repository.write_stage("dev", BASE)
    repository.commit()
    with pytest.raises(CommitError, match=r"Commit nowhere cannot be checked out: fatal: invalid reference: nowhere\."):
        compared("nowhere")


def test_a_folder_without_stages_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        CommitError, match=f"There are no stages in {tmp_path}/config: run this in the app's repository"
    ):
        compared("HEAD")


def test_a_terminated_comparison_leaves_no_worktree(repository: Repository) -> None:
    repository.write_stage("dev", BASE)
    repository.commit()
    npx = repository.folder.parent / "programs" / "npx"
    npx.write_text("#!/bin/sh\ntouch started\nexec sleep 60\n", encoding="utf-8")
    program = "from async_endpoint.cli import main; main(['diff', '--base', 'HEAD'])"

    running = subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    deadline = time.monotonic() + 30
    while not (repository.folder / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert repository.worktrees == 2
    running.send_signal(signal.SIGTERM)

    assert running.wait(timeout=30) == 128 + signal.SIGTERM
    assert repository.worktrees == 1
