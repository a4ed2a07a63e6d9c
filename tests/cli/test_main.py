"""The command as a whole: its help, its common options, and errors that no command expected."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import boto3
import click
import pytest
from botocore.exceptions import NoCredentialsError
from click.testing import CliRunner, Result

from async_endpoint.cli import main
from async_endpoint.cli.lazy_group import CommandEntry, LazyGroup
from async_endpoint.client import JobsTableReader


def program(*arguments: str, **environment: str) -> str:
    """What the command prints in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from async_endpoint.cli import main; main(prog_name='async-endpoint')", *arguments],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_command_knows_its_version() -> None:
    assert version("async-endpoint") in CliRunner().invoke(main, ["--version"]).output


def test_each_line_of_the_help_is_the_commands_own() -> None:
    unabridged = 1000
    printed = CliRunner().invoke(main, ["--help"], terminal_width=unabridged, max_content_width=unabridged).output
    lines = dict(line.split(maxsplit=1) for line in printed.partition("Commands:\n")[2].splitlines())
    assert {name: command.get_short_help_str(unabridged) for name, command in main.commands.items()} == lines


def commands_below(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yields each command that does something, with how it is called."""
    for each in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), each)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands_below(command, f"{name} {each}")
        else:
            yield f"{name} {each}", command


def test_each_command_has_an_example_and_says_what_its_exit_status_means() -> None:
    found = dict(commands_below(main, "async-endpoint"))
    assert len(found) > 40
    for name, command in found.items():
        assert name in (command.help or ""), f"{name} has no example of itself"
        assert "Exit status: " in (command.help or ""), name


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_no_command(arguments: list[str]) -> None:
    loaded = (
        "import sys; from async_endpoint.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in ('boto3', 'botocore', 'rich')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", loaded, *arguments], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert found[-1] == "[]"


@pytest.mark.parametrize(("typed", "completed"), [("re", ["redrive", "retry"]), ("dlq p", ["purge"])])
def test_a_shell_completes_commands(typed: str, completed: list[str]) -> None:
    words = f"async-endpoint {typed}"
    count = str(len(words.split()) - 1)
    found = program(_ASYNC_ENDPOINT_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count)
    names = [line.partition(",")[2] for line in found.splitlines()]
    assert [name for name in names if name in completed] == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed(shell: str) -> None:
    assert "_ASYNC_ENDPOINT_COMPLETE" in CliRunner().invoke(main, ["completion", shell]).output


LOG_IN = "Log in by `aws sso login`, or name a profile by --profile or AWS_PROFILE."


def jobs(*options: str) -> Result:
    return CliRunner().invoke(main, ["jobs", "--table", "t", *options])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What boto3 would use when the command reads its table."""
    found: dict[str, Any] = {}

    def records(_: object, session: boto3.Session) -> Any:
        client = session.client("dynamodb")
        credentials = session.get_credentials()
        found.update(
            region=client.meta.region_name, url=client.meta.endpoint_url, key=credentials and credentials.access_key
        )
        client.close()
        return type("Reader", (), {"list": lambda *_, **__: []})()

    monkeypatch.setattr(JobsTableReader, "from_session", records)
    return found


def test_the_common_options_say_how_aws_is_called_and_leave_no_trace(
    asked: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").write_text("[other]\naws_access_key_id = of-the-profile\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:2")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    before = dict(os.environ)

    result = jobs("--profile", "other", "--region", "eu-west-3", "--endpoint-url", "http://localhost:1")

    assert (result.exit_code, result.output) == (0, "There are no jobs.\n")
    assert asked == {"region": "eu-west-3", "url": "http://localhost:1", "key": "of-the-profile"}
    assert dict(os.environ) == before


def test_an_address_that_is_none_is_wrong_usage() -> None:
    result = jobs("--endpoint-url", "localhost:4566")

    assert result.exit_code == 2
    assert "'localhost:4566' is not an address" in result.output


def test_a_profile_that_does_not_exist_is_one_sentence() -> None:
    result = CliRunner().invoke(main, ["jobs", "--table", "t", "--profile", "nope"])

    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "nope" in result.output


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            NoCredentialsError(),
            f"Error: The request to AWS failed: Unable to locate credentials. {LOG_IN}\n",
        ),
        (
            RuntimeError("two\nlines"),
            "Error: Unexpected RuntimeError: two lines. Run the command again with --debug to see where it arose.\n",
        ),
    ],
)
def test_an_error_that_no_command_expected_is_one_line_and_with_debug_a_traceback(
    error: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def records(*_: object) -> Any:
        raise error

    monkeypatch.setattr(JobsTableReader, "from_session", records)

    assert (jobs().exit_code, jobs().output) == (1, sentence)
    assert jobs("--debug").exception is error


def test_ctrl_c_has_the_status_that_shells_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    def records(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(JobsTableReader, "from_session", records)

    assert (jobs().exit_code, jobs().output) == (130, "Interrupted.\n")


def test_a_closed_pipe_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def records(*_: object) -> Any:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(JobsTableReader, "from_session", records)

    assert (jobs().exit_code, jobs().output) == (1, "")


def test_a_command_without_its_extra_asks_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "async_endpoint.cli.local", None)
    group = LazyGroup(name="main", entries={"local": CommandEntry("local", "Runs.", extra="local")})

    result = CliRunner().invoke(group, ["local", "start"])

    assert result.exit_code == 1
    assert "install it with `pip install 'async-endpoint[local]'`" in result.output


def test_every_command_has_the_common_options_that_fit() -> None:
    def options(*path: str) -> set[str]:
        command: click.Command = main
        for name in path:
            assert isinstance(command, click.Group)
            command = command.commands[name]
        return {name for each in command.params for name in each.opts}

    assert {"--profile", "--region", "--endpoint-url", "--debug"} <= options("dlq", "list")
    assert options("diff") & {"--profile", "--region"} == set()
    assert "--debug" in options("local", "start")
