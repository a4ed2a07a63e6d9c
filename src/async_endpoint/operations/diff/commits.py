"""The comparison of every stage in the working tree with a commit of the same repository.

Both sides are synthesised, without credentials: the commit in a temporary git worktree, which uses the virtual
environment and the node packages of the working tree.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from async_endpoint.operations.cdk import diff_stack, synthesise
from async_endpoint.operations.commands import capture_command
from async_endpoint.operations.diff.review import Review, review
from async_endpoint.operations.diff.templates import SUFFIX, Template, read_templates

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_CONFIG = "config"
_INSTALLED = (".venv", "node_modules")


class CommitError(Exception):
    """A commit that cannot be checked out, or a folder without stages; the message says what to do."""


class StageComparison(NamedTuple):
    """What has changed in a stage since a commit.

    Attributes:
        stage: The stage's name.
        review: What deploying the stage would do; None for a stage that the working tree no longer has.
        cdk_diffs: What `cdk diff` prints for each stack that both sides have, if asked for.
        base: The cloud assembly at the commit, until the next comparison; None for a stage that it does not have.
        head: The cloud assembly of the working tree, until the next comparison; None for a stage that it does not have.
        file: The stage's file in the working tree.
    """

    stage: str
    review: Review | None
    cdk_diffs: tuple[str, ...] = ()
    base: Path | None = None
    head: Path | None = None
    file: Path | None = None


def compare_with_commit(commit: str, *, cdk_diffs: bool) -> Generator[StageComparison]:
    """Yields a comparison for each stage, between a commit and the working tree in the current folder.

    A stage that the commit does not have yet counts as empty there. Close the generator, so that its temporary worktree
    is removed in any case.

    Args:
        commit: Any name git has for it: a hash, a branch, `HEAD~1`.
        cdk_diffs: Whether to run `cdk diff` too.

    Raises:
        CommitError: The commit cannot be checked out, or there are no stages here.
        CommandError: git is not installed.
        CdkError: A stage cannot be synthesised, on one of the sides.
    """
    here = Path.cwd()
    stages = _stages(here)
    if not stages:
        raise CommitError(f"There are no stages in {here / _CONFIG}: run this in the app's repository.")
    with tempfile.TemporaryDirectory(prefix="async-endpoint-diff-") as folder, _worktree(commit, Path(folder)) as base:
        stages_before = _stages(base)
        for stage in sorted({*stages, *stages_before}):
            if stage not in stages:
                yield StageComparison(stage, None)
                continue
            old, new = Path(folder, "base", stage), Path(folder, "head", stage)
            synthesise(stage, new)
            templates: dict[str, Template] = {}
            is_new = stage not in stages_before
            if not is_new:
                synthesise(stage, old, app=base)
                templates = read_templates(old)
            texts = tuple(_cdk_diffs(old, new)) if cdk_diffs else ()
            found = review(templates, read_templates(new))
            yield StageComparison(stage, found, texts, None if is_new else old, new, here / _CONFIG / f"{stage}.toml")


def _stages(app: Path) -> list[str]:
    return [path.stem for path in (app / _CONFIG).glob("*.toml")]


def _cdk_diffs(old: Path, new: Path) -> Iterator[str]:
    for template in sorted(old.glob(f"*{SUFFIX}")):
        if (new / template.name).exists():
            yield diff_stack(template.name.removesuffix(SUFFIX), new, template)


@contextmanager
def _worktree(commit: str, folder: Path) -> Iterator[Path]:
    """Yields a checkout of a commit below a folder; removes it afterwards, after SIGTERM too."""
    checkout = folder / "worktree"
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        added = capture_command(["git", "worktree", "add", "--quiet", "--detach", str(checkout), commit])
        if added.returncode:
            raise CommitError(f"Commit {commit} cannot be checked out: {' '.join(added.stdout.split())}.")
        for name in _INSTALLED:
            if Path(name).exists():
                (checkout / name).symlink_to(Path(name).absolute())
        yield checkout
    finally:
        capture_command(["git", "worktree", "remove", "--force", str(checkout)])
        signal.signal(signal.SIGTERM, before)
