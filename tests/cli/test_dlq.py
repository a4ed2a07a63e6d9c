"""`async-endpoint dlq`."""

import json
import re
from importlib import import_module

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.operations.jobs.dead_letter_move import MoveError
from async_endpoint.operations.jobs.dead_letters import DeadLetterQueue
from async_endpoint.protocol import AttemptRequest
from tests.support.deployed_workflow import DeployedWorkflow


def dlq(deployed: DeployedWorkflow, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["dlq", *arguments, "--stack", deployed.stack], input=answer)


@pytest.fixture
def job(deployed: DeployedWorkflow) -> str:
    """A failed job with a request in the intake's DLQ."""
    job = deployed.failed("inbox/a", "no\x1bimage")
    body = AttemptRequest(job, 2).to_message()
    deployed.sqs.send_message(QueueUrl=deployed.intake.dead_letters_url, MessageBody=body)
    return job


def test_list_counts_the_messages_and_shows_a_sample(deployed: DeployedWorkflow, job: str) -> None:
    result = dlq(deployed, "list")

    assert result.exit_code == 0, result.output
    message = (
        f"  s3://{deployed.bucket}/inbox/a, request for attempt 2, N s old, received 1 time, job {job} is FAILED, "
        "no image"
    )
    assert re.sub(r"\d+ s old", "N s old", result.stdout).splitlines() == [
        f"intake: 1 message in {deployed.stack}-Intake-dead-letters",
        message,
        "  This is a sample: 1 of 1, hidden for 10 seconds.",
        f"urgent: 0 messages in {deployed.stack}-Urgent-dead-letters",
        f"results: 0 messages in {deployed.stack}-Results-dead-letters",
        f"events: 0 messages in {deployed.stack}-Events-dead-letters",
    ]


def test_a_look_soon_after_another_says_why_it_shows_no_message(deployed: DeployedWorkflow, job: str) -> None:
    assert job in dlq(deployed, "list", "--queue", "intake").stdout

    assert dlq(deployed, "list", "--queue", "intake").stdout.splitlines() == [
        f"intake: 1 message in {deployed.stack}-Intake-dead-letters",
        "  None is visible: a receiver hides them, as a look does for 10 seconds.",
    ]
    assert len(dlq(deployed, "list", "--queue", "intake", "--limit", "0").stdout.splitlines()) == 1


def test_list_in_json_has_a_line_for_each_queue(deployed: DeployedWorkflow, job: str) -> None:
    result = dlq(deployed, "list", "--json", "--queue", "intake")

    line = json.loads(result.stdout)
    assert (line["queue"], line["messages"], line["sample"][0]["job_id"]) == ("intake", 1, job)


def test_a_stage_without_a_webhook_says_so(deployed: DeployedWorkflow) -> None:
    result = dlq(deployed, "list", "--queue", "webhook")

    assert result.exit_code == 2
    assert "This stage has no webhook" in result.stderr


def test_outcomes_are_no_messages_to_move_back(deployed: DeployedWorkflow) -> None:
    assert dlq(deployed, "redrive", "--queue", "events").exit_code == 2


def test_purge_asks_with_the_count(deployed: DeployedWorkflow, job: str) -> None:
    del job
    declined = dlq(deployed, "purge", answer="n\n")
    assert json.loads(dlq(deployed, "list", "--json", "--queue", "intake", "--limit", "0").stdout)["messages"] == 1
    result = dlq(deployed, "purge", "--yes")

    assert declined.exit_code == 1
    assert "Delete 1 message, which cannot be restored?" in declined.stderr
    assert "Nothing was deleted" in declined.stderr
    assert result.exit_code == 0
    assert f"intake: {deployed.stack}-Intake-dead-letters is purged" in result.stdout
    assert "Results-dead-letters is purged" not in result.stdout
    assert json.loads(dlq(deployed, "list", "--json", "--queue", "intake").stdout)["messages"] == 0


@pytest.mark.usefixtures("job")
def test_redrive_moves_what_there_is_and_skips_an_empty_queue(
    deployed: DeployedWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(_: object, worker: object, __: object, on_progress: object) -> int:
        assert worker == deployed.intake
        on_progress(1, 1)  # type: ignore[operator]
        return 1

    monkeypatch.setattr(import_module("async_endpoint.cli.dlq"), "move_dead_letters", move)
    result = dlq(deployed, "redrive")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"intake: 1 message moved to {deployed.stack}-Intake.",
        f"urgent: {deployed.stack}-Urgent-dead-letters is empty.",
        f"results: {deployed.stack}-Results-dead-letters is empty.",
    ]
    assert "intake: moved 1/1" in result.stderr


@pytest.mark.usefixtures("job")
def test_redrive_moves_what_a_list_has_just_hidden(deployed: DeployedWorkflow, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def move(*_: object) -> int:
        order.append("moved")
        return 1

    monkeypatch.setattr(DeadLetterQueue, "await_hidden", lambda *_: order.append("visible again"))
    monkeypatch.setattr(import_module("async_endpoint.cli.dlq"), "move_dead_letters", move)

    assert dlq(deployed, "redrive").exit_code == 0
    assert order == ["visible again", "moved"]


@pytest.mark.usefixtures("job")
def test_messages_that_stay_hidden_are_an_error(deployed: DeployedWorkflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeadLetterQueue, "await_hidden", lambda *_: 1)
    monkeypatch.setattr(import_module("async_endpoint.cli.dlq"), "move_dead_letters", lambda *_: 0)

    result = dlq(deployed, "redrive")

    assert result.exit_code == 1
    assert "intake: 0 messages moved" in result.stdout
    assert f"Error: another receiver hides 1 message of {deployed.stack}-Intake-dead-letters" in result.stderr


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [(MoveError("do it by hand"), 1, "Error: do it by hand"), (KeyboardInterrupt(), 130, "Interrupted: SQS continues")],
)
def test_a_move_that_does_not_end_is_a_sentence(
    deployed: DeployedWorkflow, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, sentence: str
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(import_module("async_endpoint.cli.dlq"), "move_dead_letters", fail)
    result = dlq(deployed, "redrive")

    assert result.exit_code == status
    assert sentence in result.stderr
