"""`async-endpoint announce`: the choice of jobs, and its messages. The function runs in tests/end_to_end."""

import json
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.operations.jobs.announcement import AnnouncementError
from tests.support.deployed_workflow import DeployedWorkflow


def announce(deployed: DeployedWorkflow, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["announce", *arguments, "--stack", deployed.stack], input=answer)


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that the function got; it does not announce the second, and fails at the third."""
    got: list[str] = []

    class Announcer:
        def __init__(self, _: Any, name: str) -> None:
            assert name.endswith("-notify")

        def announce(self, jobs: list[str]) -> Any:
            for job in jobs:
                got.append(job)
                if len(got) == 3:
                    raise AnnouncementError("The function failed.")
                yield 1, [job] if len(got) == 2 else []

    monkeypatch.setattr(import_module("async_endpoint.cli.announce"), "Announcer", Announcer)
    return got


def test_a_job_is_announced_by_its_document(deployed: DeployedWorkflow, announced: list[str]) -> None:
    job = deployed.failed("inbox/a")

    result = announce(deployed, f"s3://{deployed.bucket}/inbox/a")

    assert (result.exit_code, announced) == (0, [job]), result.output
    assert result.stdout.splitlines()[-1] == "1 announced, 0 not."


def test_jobs_of_a_time_are_announced_after_a_confirmation(deployed: DeployedWorkflow, announced: list[str]) -> None:
    deployed.failed("inbox/old", ago=timedelta(hours=2))
    new = deployed.failed("inbox/new")

    declined = announce(deployed, "--since", "1h", answer="n\n")
    dry = announce(deployed, "--since", "1h", "--dry-run")
    assert announced == []
    result = announce(deployed, "--since", "1h", "--yes")

    assert declined.exit_code == 1
    assert "Send 1 event again?" in declined.stderr
    assert dry.stdout.splitlines() == ["1 job to announce.", f"  {new}"]
    assert (result.exit_code, announced) == (0, [new])


def test_what_is_not_announced_is_named_and_what_is_left_is_counted(
    deployed: DeployedWorkflow, announced: list[str]
) -> None:
    jobs = [deployed.failed(f"inbox/{number}") for number in range(4)]

    result = announce(deployed, *jobs, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"announced": 1, "not_announced": [announced[1]], "left": 2}
    assert "The function failed." in result.stderr


@pytest.mark.parametrize("arguments", [(), ("job", "--since", "1h"), ("job", "--state", "FAILED")])
def test_the_choice_is_one_of_two(deployed: DeployedWorkflow, arguments: tuple[str, ...]) -> None:
    assert announce(deployed, *arguments).exit_code == 2
