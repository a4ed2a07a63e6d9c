"""The command as a whole."""

from importlib.metadata import version

from click.testing import CliRunner

from async_endpoint.cli import main


def test_the_command_knows_its_version() -> None:
    assert version("async-endpoint") in CliRunner().invoke(main, ["--version"]).output
