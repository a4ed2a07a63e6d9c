"""`async-endpoint deploy`: its output and its exit status; the rollout itself is played."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.client import AsyncEndpointError
from async_endpoint.operations.deploy.rollout import RolloutError, RolloutResult
from async_endpoint.operations.diagnose.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The package has the command of that name in the module's place.
MODULE = importlib.import_module("async_endpoint.cli.deploy")


class PlayedRollout:
    """Runs the deploy command and returns or raises what the test has set."""

    outcome: RolloutResult | RolloutError

    def __init__(self, *_: object, **__: object) -> None: ...

    def serves_as_deployed(self) -> bool:
        return False

    def run(self, deploy: Callable[[], int]) -> RolloutResult:
        deploy()
        if isinstance(self.outcome, RolloutError):
            raise self.outcome
        return self.outcome


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A document whose result is long, processed by an endpoint that is played."""
    monkeypatch.setattr(MODULE, "Rollout", PlayedRollout)
    monkeypatch.setattr(MODULE, "process_sample", lambda *_, **__: "x" * 201)
    monkeypatch.setattr(MODULE, "find_deleted", lambda *_: ())
    (tmp_path / "a.png").write_bytes(b"image")
    return str(tmp_path / "a.png")


def deploy(outcome: Any, *options: str, command: tuple[str, ...] = (sys.executable, "-c", "")) -> Result:
    PlayedRollout.outcome = outcome
    arguments = ["deploy", "--stack", "receipts", "--region", "eu-west-1", *options, "--", *command]
    return CliRunner().invoke(main, arguments)


def test_the_sample_s_result_is_printed_shortened(sample: str) -> None:
    done = deploy(RolloutResult("donut", is_unchanged_and_asleep=False), "--sample", sample)
    assert (done.exit_code, done.output) == (0, f"a.png was processed: {'x' * 200}…\n")


def test_an_unchanged_endpoint_without_instances_is_not_woken(sample: str) -> None:
    done = deploy(RolloutResult("donut", is_unchanged_and_asleep=True), "--sample", sample)
    assert done.exit_code == 0
    assert done.output == "donut is scaled to zero and its configuration is unchanged: no sample was sent.\n"


@pytest.mark.usefixtures("sample")
def test_a_stage_names_its_endpoint_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def find(_: Any, stack: str) -> tuple[()]:
        asked.append(stack)
        return ()

    monkeypatch.setattr(MODULE, "find_deleted", find)
    PlayedRollout.outcome = RolloutResult("donut", is_unchanged_and_asleep=False)
    done = CliRunner().invoke(
        main, ["deploy", "--stage", "prod", "--region", "eu-west-1", "--", sys.executable, "-c", ""]
    )
    assert done.exit_code == 0, done.output
    assert asked == ["async-endpoint-prod-endpoint"]


@pytest.mark.parametrize("options", [[], ["--stage", "dev", "--stack", "receipts"]])
def test_one_option_names_the_stack(options: list[str]) -> None:
    done = CliRunner().invoke(main, ["deploy", *options, "--", "true"])
    assert done.exit_code == 2
    assert "Name the stage by --stage, or its endpoint stack by --stack." in done.output


@pytest.mark.usefixtures("sample")
def test_without_a_sample_the_rollout_is_all() -> None:
    done = deploy(RolloutResult("donut", is_unchanged_and_asleep=False))
    assert (done.exit_code, done.output) == (0, "")


@pytest.mark.usefixtures("sample")
def test_a_failed_rollout_is_an_error() -> None:
    done = deploy(RolloutError("donut is InService and serves old."))
    assert (done.exit_code, done.output) == (1, "Error: donut is InService and serves old.\n")


def test_a_stage_that_lacks_something_is_an_error_and_no_sample_is_sent(
    sample: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Finding(cause="table-deleted", text="The jobs table does not exist.", fix="Restore it.")
    monkeypatch.setattr(MODULE, "find_deleted", lambda _, stack: (found,) if stack == "receipts" else ())
    done = deploy(RolloutResult("donut", is_unchanged_and_asleep=False), "--sample", sample)
    assert done.exit_code == 1
    first, *lines = done.output.splitlines()
    assert first == "Error: The stage lacks what CloudFormation believes to exist:"
    assert lines == ["The jobs table does not exist.", "   → Restore it."]


def test_a_sample_that_is_not_processed_is_an_error(sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise AsyncEndpointError("The image cannot be read.")

    monkeypatch.setattr(MODULE, "process_sample", fail)
    done = deploy(RolloutResult("donut", is_unchanged_and_asleep=False), "--sample", sample)
    assert (done.exit_code, done.output) == (1, "Error: The image cannot be read.\n")


@pytest.mark.usefixtures("sample")
def test_a_command_that_cannot_be_run_is_wrong_usage() -> None:
    done = deploy(RolloutResult("donut", is_unchanged_and_asleep=False), command=("no-such-program",))
    assert done.exit_code == 2
    assert "Error: no-such-program cannot be run: No such file or directory." in done.output
