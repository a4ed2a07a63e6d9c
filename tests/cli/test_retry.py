"""`async-endpoint retry`."""

import json
from importlib import import_module

import pytest
from botocore.exceptions import EndpointConnectionError
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.protocol import AttemptRequest
from tests.support.deployed_workflow import DeployedWorkflow


def retry(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["retry", *arguments])


def test_jobs_by_id_and_by_document_get_another_attempt_each(deployed: DeployedWorkflow) -> None:
    first, second = deployed.failed("inbox/a"), deployed.failed("inbox/b")

    result = retry(first, f"s3://{deployed.bucket}/inbox/b", "--stack", deployed.stack)

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [f"{job}: attempt 2 is requested." for job in (first, second)]
    assert set(deployed.requests()) == {AttemptRequest(first, 2), AttemptRequest(second, 2)}


def test_a_completed_job_is_a_sentence_and_the_others_are_requested_all_the_same(deployed: DeployedWorkflow) -> None:
    done, failed = deployed.completed("inbox/a"), deployed.failed("inbox/b")

    result = retry(done, "abc", failed, "--stack", deployed.stack)

    assert result.exit_code == 1
    assert (
        f"Error: The job {done} is COMPLETED: only one that is over without a result can be submitted again."
        in result.stderr
    )
    assert "Error: There is no job 'abc'" in result.stderr
    assert result.stdout == f"{failed}: attempt 2 is requested.\n"
    assert deployed.requests() == [AttemptRequest(failed, 2)]
    assert deployed.state(done) == ("COMPLETED", 1)


def test_a_message_that_could_not_be_sent_is_sent_by_the_second_retry(
    deployed: DeployedWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = deployed.failed("inbox/a")

    def unreachable(_: AttemptRequest) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs")

    with monkeypatch.context() as patched:
        patched.setattr(import_module("async_endpoint.cli.retry"), "intake_sender", lambda *_: unreachable)
        lost = retry(job, "--stack", deployed.stack, "--json")
    found = retry(job, "--stack", deployed.stack, "--json")

    assert (lost.exit_code, found.exit_code) == (1, 0)
    assert "its message could not be sent" in json.loads(lost.stdout)["message"]
    assert json.loads(found.stdout) == {
        "job": job,
        "outcome": "repeated",
        "job_id": job,
        "attempt": 2,
        "message": f"{job}: attempt 2 waited already: its message was sent again.",
    }
    assert deployed.requests() == [AttemptRequest(job, 2)]


@pytest.mark.usefixtures("local_services")
def test_the_stack_is_named_once() -> None:
    neither, both = retry("abc"), retry("abc", "--stage", "dev", "--stack", "any")
    missing = retry("abc", "--stage", "nowhere")

    assert (neither.exit_code, both.exit_code, missing.exit_code) == (2, 2, 1)
    assert "Name the stage by --stage, or its workflow stack by --stack." in neither.stderr
    assert "--stage and --stack both name the stack: give one of them." in both.stderr
    assert "The outputs of stack async-endpoint-nowhere-workflow cannot be read" in missing.stderr
