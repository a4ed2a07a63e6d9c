"""`async-endpoint local`: the messages of its commands without a local AWS, or with one that does not respond."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import click
import psutil
import pytest
from click.testing import CliRunner

from async_endpoint.cli import main
from async_endpoint.cli.local import local

ASKING = [["status"], ["fault", "list"], ["fault", "clear"], ["fault", "kill"], ["fault", "errors", "s3"],
          ["fault", "no-capacity"], ["fault", "stalled-capacity", "--seconds", "60"]]  # fmt: skip
USING = [*ASKING, ["env"], ["exec", "true"]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def silent(folder: Path) -> Iterator[int]:
    """The port of a local AWS in `silent` whose process is there and which does not answer."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = int(taken.getsockname()[1])
        state = {"pid": os.getpid(), "port": port, "speed": 1.0, "began": psutil.Process().create_time()}
        (folder / "silent").mkdir()
        (folder / "silent" / "local-aws.json").write_text(json.dumps(state), encoding="utf-8")
        yield port


def said(*arguments: str) -> tuple[int, str]:
    """Exit status and output of a command that does not break."""
    result = CliRunner().invoke(main, ["local", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_a_local_aws_that_does_not_respond_is_an_error(silent: int, command: list[str]) -> None:
    assert said(*command, "--state-dir", "silent") == (
        1,
        f"Error: The local AWS at localhost:{silent} does not respond: Connection refused.\n",
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", USING, ids=" ".join)
def test_without_a_local_aws_the_error_says_how_to_start_one(command: list[str]) -> None:
    name, *rest = command
    options = ["--state-dir", "a folder"]
    arguments = [name, *options, *rest] if name == "exec" else [*command, *options]
    sentence = "Error: No local AWS runs in {}: start one with `async-endpoint local start{}`.\n"
    assert said(*command) == (1, sentence.format(".local-aws", ""))
    assert said(*arguments) == (1, sentence.format("a folder", " --state-dir 'a folder'"))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["flood"], "Error: No such command 'flood'."),
        (["stalled-capacity", "--seconds", "0"], "Invalid value for '--seconds': 0.0 is not in the range x>0."),
        (
            ["stalled-capacity", "--seconds", "soon"],
            "Invalid value for '--seconds': 'soon' is not a valid float range.",
        ),
        (["stalled-capacity", "--rate", "2"], "Invalid value for '--rate': 2.0 is not in the range 0<x<=1."),
        (["stalled-capacity", "--count", "0"], "Invalid value for '--count': 0 is not in the range x>=1."),
        (["no-capacity", "--seconds", "60"], "Error: No such option '--seconds'"),
        (["errors", "s3", "--operation", "putobject"], "Did you mean PutObject?"),
        (
            ["errors", "s3", "--operation", "GetItem"],
            "s3 has no operation 'GetItem' that the local AWS can fail.",
        ),
        (["errors", "s3", "--operation", "ListDirectoryBuckets"], "has no operation 'ListDirectoryBuckets' that the"),
        (["errors", "dynamodb", "--operation", "Putitem"], "Did you mean PutItem?"),
        (["errors", "sqs", "--operation", "SendMessages"], "Did you mean SendMessage?"),
        (["errors", "sns", "--operation", "publish"], "Did you mean Publish?"),
        (
            ["errors", "sagemaker"],
            "'sagemaker' is not one of 's3', 'sns', 'dynamodb', 'sqs', 'sagemaker-runtime'.",
        ),
        (["no-capacity", "--instance-type", "ml.g4dn.xlarg"], "Did you mean ml.g4dn.xlarge?"),
        (["stalled-capacity", "--instance-type", "g5.xlarge"], "has no instance type 'g5.xlarge' for endpoints."),
    ],
)
def test_a_fault_that_does_not_exist_is_wrong_usage(arguments: list[str], sentence: str) -> None:
    status, output = said("fault", *arguments)
    assert status == 2
    assert sentence in output


@pytest.mark.usefixtures("folder")
def test_stopping_without_a_local_aws_is_no_error() -> None:
    assert said("stop") == (0, "No local AWS runs in .local-aws.\n")


def test_every_command_has_the_same_help_for_the_state_dir() -> None:
    def options(group: click.Group) -> Iterator[click.Option]:
        for command in group.commands.values():
            if isinstance(command, click.Group):
                yield from options(command)
            yield from (each for each in command.params if isinstance(each, click.Option))

    helps = {each.help for each in options(local) if each.name == "state_dir"}
    assert len(helps) == 1


@pytest.mark.parametrize("assumed", ["metric-delay=soon", "metric-delays=5", "metric-gaps=200"])
def test_an_invalid_assumption_is_wrong_usage_and_nothing_is_built(tmp_path: Path, assumed: str) -> None:
    folder = tmp_path / "serving"
    done = CliRunner().invoke(main, ["local", "start", "--serving-env", str(folder), "--assume", assumed])
    assert done.exit_code == 2
    assert "assumption" in done.output
    assert not folder.exists()


@pytest.mark.parametrize(
    ("command", "ran"),
    [
        (["aws", "sqs", "list-queues"], ["--endpoint-url", "URL", "sqs", "list-queues"]),
        (["aws", "sqs", "--endpoint-url=http://localhost:1"], ["sqs", "--endpoint-url=http://localhost:1"]),
        (["other", "sqs"], ["sqs"]),
    ],
    ids=" ".join,
)
def test_the_aws_cli_gets_the_endpoint_url_as_an_option_which_version_1_needs_for_sqs(
    folder: Path, silent: int, command: list[str], ran: list[str]
) -> None:
    program, *arguments = command
    script = folder / program
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > arguments\n', encoding="utf-8")
    script.chmod(0o700)
    assert said("exec", "--state-dir", "silent", "--", str(script), *arguments) == (0, "")
    expected = [f"http://localhost:{silent}" if each == "URL" else each for each in ran]
    assert (folder / "arguments").read_text(encoding="utf-8").splitlines() == expected
