"""`async-endpoint rollback`: its output, its question and its exit status; the operation itself is played."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.operations.deploy.change_set import Change
from async_endpoint.operations.deploy.rollback import KeptVersion, RollbackError
from async_endpoint.operations.deploy.rollout import RolloutError, RolloutResult
from async_endpoint.operations.deploy.versions import Version

if TYPE_CHECKING:
    from collections.abc import Callable

# The package has the command of that name in the module's place.
MODULE = importlib.import_module("async_endpoint.cli.rollback")
OLD = KeptVersion(Version("20270115T120000.000000Z-aaaaaaaaaaaa"), is_deployed=False, model="abc", image="pytorch:1.11")
NEW = KeptVersion(Version("20270116T120000.000000Z-bbbbbbbbbbbb"), is_deployed=True, model="def", image="pytorch:1.11")
CHANGE = Change("Modify", "Model", "AWS::SageMaker::Model", "True")


class Played:
    """The operation, the rollout and the plan at once."""

    def __init__(self) -> None:
        self.changes: tuple[Change, ...] = (CHANGE,)
        self.calls: list[str] = []
        self.error: Exception | None = None

    def make(self, *_: object, stack: str, **__: object) -> Played:
        self.calls.append(stack)
        return self

    def list(self) -> list[KeptVersion]:
        return [NEW, OLD]

    def choose(self, name: str | None) -> KeptVersion:
        if name not in {None, OLD.version.name}:
            raise RollbackError(f"There is no version {name}.")
        return OLD

    def plan(self, version: Version) -> Played:
        assert version == OLD.version
        return self

    def discard(self) -> None:
        self.calls.append("discard")

    def runner(self, planned: Played, version: Version, say: Callable[[str], None]) -> Callable[[], int]:
        assert (planned, version) == (self, OLD.version)

        def execute() -> int:
            say("  UPDATE_COMPLETE")
            return 0

        return execute

    def run(self, deploy: Callable[[], int]) -> RolloutResult:
        assert deploy() == 0
        if self.error:
            raise self.error
        return RolloutResult("donut", is_unchanged_and_asleep=False)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    played = Played()
    monkeypatch.setattr(MODULE, "Rollback", played.make)
    monkeypatch.setattr(MODULE, "Rollout", played.make)
    return played


def rollback(*options: str, answer: str | None = None) -> Result:
    arguments = ["rollback", "--region", "eu-west-1", *options]
    return CliRunner().invoke(main, arguments, input=answer, env={"YES": None})


def test_it_shows_the_changes_asks_and_says_what_the_next_deploy_does(played: Played) -> None:
    done = rollback("--stage", "dev", answer="y\n")
    assert done.exit_code == 0
    assert played.calls == ["async-endpoint-dev-endpoint"] * 2
    first, change, *_ = done.output.splitlines()
    assert first == f"async-endpoint-dev-endpoint: back to version {OLD.version.name} (model abc, image pytorch:1.11)."
    assert change == "  Modify AWS::SageMaker::Model Model, replaced"
    assert "  UPDATE_COMPLETE\n" in done.output
    assert "the next deploy brings it back. Revert or fix it before that.\n" in done.output


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_without_a_yes_the_plan_is_discarded(played: Played, answer: str) -> None:
    done = rollback("--stack", "receipts", answer=answer)
    assert done.exit_code == 1
    assert "Nothing was changed: answer y, or pass --yes" in done.output
    assert played.calls == ["receipts", "discard"]


def test_a_version_that_is_deployed_already_changes_nothing(played: Played) -> None:
    played.changes = ()
    done = rollback("--stage", "dev", "--to", OLD.version.name)
    assert done.exit_code == 0
    assert done.output.endswith("This version is deployed: there is nothing to do.\n")
    assert played.calls == ["async-endpoint-dev-endpoint"]


def test_the_kept_versions_are_listed_with_the_deployed_one(played: Played) -> None:
    done = rollback("--stage", "dev", "--list")
    lines = [line.split() for line in done.output.splitlines()]
    assert lines[1:] == [
        [NEW.version.name, "def", "pytorch:1.11", "deployed"],
        [OLD.version.name, "abc", "pytorch:1.11"],
    ]
    assert played.calls == ["async-endpoint-dev-endpoint"]


def test_a_sample_must_be_processed_by_the_version(
    played: Played, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(MODULE, "process_sample", lambda *_, **__: "x" * 201)
    (tmp_path / "a.png").write_bytes(b"image")
    done = rollback("--stage", "dev", "--yes", "--sample", str(tmp_path / "a.png"))
    assert done.output.endswith(f"a.png was processed: {'x' * 200}\n")
    assert played.calls == ["async-endpoint-dev-endpoint"] * 2


@pytest.mark.parametrize("options", [(), ("--stage", "dev", "--stack", "receipts")])
def test_one_of_stage_and_stack_names_it(options: tuple[str, ...]) -> None:
    done = rollback(*options)
    assert done.exit_code == 2
    assert "Name the stage by --stage, or its endpoint stack by --stack." in done.output


def test_a_failed_rollback_is_an_error(played: Played) -> None:
    played.error = RolloutError("donut is InService and serves new.")
    done = rollback("--stage", "dev", "--yes")
    assert (done.exit_code, done.output.splitlines()[-1]) == (1, "Error: donut is InService and serves new.")
    assert rollback("--stage", "dev", "--to", "x").output == "Error: There is no version x.\n"
