"""`async-endpoint redrive`."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.operations.jobs.redrive import Redrive
from tests.support.deployed_workflow import DeployedWorkflow


def redrive(deployed: DeployedWorkflow, *arguments: str, answer: str | None = None, state: str = "failed") -> Result:
    command = ["redrive", "--state", state, "--stack", deployed.stack, *arguments]
    return CliRunner().invoke(main, command, input=answer)


def test_the_reasons_are_listed_before_the_confirmation_and_each_job_is_requested_once(
    deployed: DeployedWorkflow,
) -> None:
    jobs = [deployed.failed(f"inbox/{number}", "no\nimage") for number in range(3)]
    old = deployed.failed("inbox/old", ago=timedelta(hours=2))

    result = redrive(deployed, "--since", "1h", answer="y\n")
    again = redrive(deployed, "--since", "1h")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "3 jobs are FAILED and meet the criteria.",
        "        3  no image",
        "3 jobs: 3 requested, 0 whose message was sent again, 0 changed meanwhile, 0 failed.",
    ]
    assert "Submit 3 again?" in result.stderr
    assert "requested 3/3" in result.stderr
    assert sorted(request.job_id for request in deployed.requests()) == sorted(jobs)
    assert deployed.state(old) == ("FAILED", 1)
    assert again.exit_code == 0
    assert again.stdout.splitlines()[0] == "0 jobs are FAILED and meet the criteria."
    assert again.stdout.splitlines()[1].startswith("3 were requested less than 60 seconds ago and wait.")


def test_without_a_confirmation_and_in_a_dry_run_nothing_is_submitted(deployed: DeployedWorkflow) -> None:
    job = deployed.failed("inbox/a")

    declined = redrive(deployed, answer="n\n")
    dry = redrive(deployed, "--dry-run", "--json")

    assert (declined.exit_code, dry.exit_code) == (1, 0)
    assert "Error: Nothing was submitted: answer y, or pass --yes" in declined.stderr
    assert json.loads(dry.stdout) == {"job_id": job, "dry_run": True}
    assert deployed.state(job) == ("FAILED", 1)
    assert deployed.requests() == []


def test_a_job_that_cannot_be_requested_is_an_error_line_and_exit_code_1(
    deployed: DeployedWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [deployed.failed("inbox/a"), deployed.failed("inbox/b")]
    real = Redrive.run

    def run(self: Redrive, selection: object, on_done: object) -> None:
        deployed.table.delete_item(Key={"job_id": jobs[0]})
        real(self, selection, on_done)  # type: ignore[arg-type]

    monkeypatch.setattr(Redrive, "run", run)

    result = redrive(deployed, "--yes", "--json")

    assert result.exit_code == 1
    assert {line["job_id"]: line["outcome"] for line in map(json.loads, result.stdout.splitlines())} == {
        jobs[0]: "failed",
        jobs[1]: "requested",
    }
    assert f"{jobs[0]}: There is no job {jobs[0]}" in result.stderr
    assert "2 jobs: 1 requested, 0 whose message was sent again, 0 changed meanwhile, 1 failed." in result.stderr


def test_ctrl_c_says_how_much_is_left(deployed: DeployedWorkflow, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [deployed.failed(f"inbox/{number}") for number in range(40)]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("async_endpoint.cli.counter.CountLines.advance", interrupt)
    result = redrive(deployed, "--yes")

    assert result.exit_code == 130
    requested = len(deployed.requests())
    assert 0 < requested < len(jobs)
    assert f"Interrupted: {len(jobs) - requested} are left; run the same command again." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--state", "failed", "--since", "soon"], "'soon' is not a length of time: write a whole number"),
        (["--state", "completed"], "'completed' is not one of"),
        ([], "Missing option '--state'"),
    ],
)
def test_wrong_usage_is_a_sentence(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(main, ["redrive", "--stage", "dev", *arguments])

    assert result.exit_code == 2
    assert sentence in result.stderr
