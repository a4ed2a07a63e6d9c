"""`async-endpoint logs`: the groups of a stage, and their lines in the order of time."""

import json
import time
import uuid
from importlib import import_module
from types import SimpleNamespace

import boto3
import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.operations.jobs.workflow import workflow_stack_name

pytestmark = pytest.mark.usefixtures("local_services")


def deploy(name: str, groups: dict[str, str]) -> None:
    """Deploys a stack with these log groups by their logical ids, or with another resource."""
    resources = {
        logical_id: {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": group}}
        for logical_id, group in groups.items()
    }
    template = {"Resources": resources or {"Topic": {"Type": "AWS::SNS::Topic"}}}
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    cloudformation.close()


def log(group: str, *events: tuple[float, str]) -> None:
    """Puts lines, each with its age in seconds, oldest first."""
    client = boto3.client("logs")
    client.create_log_stream(logGroupName=group, logStreamName="stream")
    now = time.time()
    client.put_log_events(
        logGroupName=group,
        logStreamName="stream",
        logEvents=[{"timestamp": int((now - ago) * 1000), "message": text} for ago, text in events],
    )
    client.close()


@pytest.fixture
def stage() -> str:
    """A stage with the logs of two functions."""
    name = f"t{uuid.uuid4().hex[:8]}"
    submit, record = f"/{name}/submit", f"/{name}/record"
    deploy(workflow_stack_name(name), {"IntakeLogsABCD1234": submit, "ResultsLogsABCD1234": record})
    deploy(f"async-endpoint-{name}-endpoint", {})
    log(submit, (7200, "too old"), (30, "first: job-1"), (10, "third: job-2\n"))
    log(record, (20, "second:\x1b[31m job-1"))
    return name


def logs(stage: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["logs", *arguments, "--stage", stage])


def test_all_sources_are_printed_in_the_order_of_time(stage: str) -> None:
    result = logs(stage)

    assert result.exit_code == 0, result.output
    assert [line.split(maxsplit=1)[1] for line in result.stdout.splitlines()] == [
        "submit    first: job-1",
        "record    second: [31m job-1",
        "submit    third: job-2",
    ]


def test_one_source_lines_with_a_text_and_a_longer_time_can_be_chosen(stage: str) -> None:
    assert logs(stage, "submit", "--since", "1d").stdout.count("\n") == 3
    lines = [json.loads(line) for line in logs(stage, "--contains", "job-1", "--json").stdout.splitlines()]
    assert [(line["source"], line["stream"], line["message"]) for line in lines] == [
        ("submit", "stream", "first: job-1"),
        ("record", "stream", "second:\x1b[31m job-1"),
    ]
    assert all(line["at"].endswith("Z") for line in lines)


def test_following_prints_each_line_once_until_ctrl_c(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    # The module's own name for it alone: other threads sleep, too, and one of them could take the interrupt.
    monkeypatch.setattr(import_module("async_endpoint.cli.logs"), "time", SimpleNamespace(sleep=wait))
    result = logs(stage, "--follow")

    assert result.exit_code == 130
    assert result.stdout.count("\n") == 3


def test_a_source_that_the_stage_has_not_and_a_stage_that_does_not_exist_are_sentences(stage: str) -> None:
    missing, nowhere = logs(stage, "endpoint"), logs("nowhere")

    assert (missing.exit_code, nowhere.exit_code) == (1, 1)
    assert missing.stderr == f"Error: Stage {stage} has no log of endpoint: it has submit, record.\n"
    assert "async-endpoint-nowhere-workflow" in nowhere.stderr
