"""The options that every command has: how AWS is called, and tracebacks.

They set boto3's own environment variables, for every client of the process and every program that it starts.
https://docs.aws.amazon.com/boto3/latest/guide/configuration.html
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

COMMON_OPTIONS = {
    "--profile": "The profile of AWS's configuration files.  [default: boto3's]",
    "--region": "The AWS region.  [default: boto3's]",
    "--endpoint-url": "Send the requests of all services to this address.  [default: AWS]",
    "--debug": "Print a traceback of an unexpected error.",
}
"""The options and their help."""

AWS_OPTIONS = ("--profile", "--region", "--endpoint-url")
"""Those that set how AWS is called."""


def add_common_options(command: click.Command, aws_options: Sequence[str]) -> None:
    """Adds to a command, or to all commands of a group, those of the options that it does not have.

    Args:
        command: The command, which is changed.
        aws_options: Which of `AWS_OPTIONS`; `--debug` comes always.
    """
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_common_options(each, aws_options)
        return
    present = {name for parameter in command.params for name in parameter.opts}
    command.params += [_make(name) for name in (*aws_options, "--debug") if name not in present]


def _make(name: str) -> click.Option:
    if name == "--debug":
        return click.Option(
            [name], is_flag=True, expose_value=False, is_eager=True, callback=_debug, help=COMMON_OPTIONS[name]
        )
    callback, metavar = {
        "--profile": (_profile, "NAME"),
        "--region": (_region, "REGION"),
        "--endpoint-url": (_endpoint_url, "URL"),
    }[name]
    return click.Option([name], metavar=metavar, expose_value=False, callback=callback, help=COMMON_OPTIONS[name])


def _debug(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - as Click calls it
    context.meta["debug"] = value


def _profile(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        # Credentials in the environment would win over a profile that is not given to boto3 itself.
        _set(context, {"AWS_PROFILE": value, **dict.fromkeys(_CREDENTIALS)})


def _region(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        _set(context, {"AWS_REGION": value, "AWS_DEFAULT_REGION": value})


def _endpoint_url(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    address = urlsplit(value)
    if address.scheme not in ("http", "https") or not address.netloc:
        raise click.BadParameter(f"{value!r} is not an address: write one such as http://localhost:4566.")
    # These would win over it.
    others = [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_")]
    _set(context, {**dict.fromkeys([*others, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]), "AWS_ENDPOINT_URL": value})


def _set(context: click.Context, variables: dict[str, str | None]) -> None:
    """Sets environment variables, or removes those of None, until the command has ended."""
    before = {name: os.environ.get(name) for name in variables}
    _apply(variables)
    context.call_on_close(_restoring(before))


def _restoring(before: dict[str, str | None]) -> Callable[[], None]:
    return lambda: _apply(before)


def _apply(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
