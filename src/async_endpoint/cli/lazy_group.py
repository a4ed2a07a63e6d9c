"""A group of commands that imports a command when it is used: `--help` and completion need none of them."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from async_endpoint.cli.common_options import AWS_OPTIONS, add_common_options
from async_endpoint.cli.unexpected import as_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTERRUPTED = 130  # as shells report Ctrl-C


@dataclass(frozen=True)
class CommandEntry:
    """Where a command is.

    Attributes:
        module: The module below `async_endpoint.cli`; the command has the name under which it is entered.
        short_help: Its line in the help of the group.
        extra: The extra of the package that it needs; None if it needs none.
        aws_options: Which of AWS's options it has, besides its own; none if it does not call AWS.
    """

    module: str
    short_help: str
    extra: str | None = None
    aws_options: tuple[str, ...] = AWS_OPTIONS


class LazyGroup(click.Group):
    """The group.

    An error that no command expected is one sentence and exit status 1, with `--debug` a traceback. Ctrl-C is 130. An
    error of AWS that every command may meet, such as missing credentials, ends with what to do.

    Args:
        entries: The commands by name.
        options: Click's own.
    """

    def __init__(self, *, entries: Mapping[str, CommandEntry], **options: Any) -> None:  # Click's are not typed
        super().__init__(commands=_Imported(entries), **options)
        self._entries = entries

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes a line for each command."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._entries[name].short_help) for name in sorted(self._entries)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Returns the commands and options that begin with a text."""
        found = [name for name in sorted(self._entries) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=self._entries[name].short_help) for name in found]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):
            raise
        except click.ClickException as error:
            advised = _with_advice(error.message, error.__cause__)
            if advised == error.message or isinstance(error, click.UsageError):
                raise
            raise type(error)(advised) from error.__cause__
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(_INTERRUPTED)
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # Click ends quietly, as after `| head`
            if ctx.meta.get("debug"):
                raise
            raise click.ClickException(_with_advice(as_sentence(error), error)) from error


def _with_advice(message: str, error: BaseException | None) -> str:
    if error is None:
        return message
    from async_endpoint.cli.aws_advice import with_advice  # noqa: PLC0415 - without an error nothing needs botocore

    return with_advice(message, error)


class _Imported(MutableMapping[str, click.Command]):
    """The commands by name, each imported at its first use."""

    def __init__(self, entries: Mapping[str, CommandEntry]) -> None:
        self._entries = entries
        self._commands: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._commands:
            self._commands[name] = _load(name, self._entries[name])
        return self._commands[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _load(name: str, entry: CommandEntry) -> click.Command:
    """Returns a command with the common options; without its extra, a command that asks to install it."""
    try:
        command: click.Command = getattr(importlib.import_module(f"async_endpoint.cli.{entry.module}"), name)
    except ModuleNotFoundError as error:
        if entry.extra is None:
            raise
        return _unavailable(name, f"`async-endpoint {name}` needs {error.name}", entry.extra)
    add_common_options(command, entry.aws_options)
    return command


def _unavailable(name: str, reason: str, extra: str) -> click.Command:
    message = f"{reason}: install it with `pip install 'async-endpoint[{extra}]'`."

    @click.command(name, context_settings={"ignore_unknown_options": True}, help=message)
    @click.argument("arguments", nargs=-1)
    def unavailable(arguments: tuple[str, ...]) -> None:
        del arguments
        raise click.ClickException(message)

    return unavailable
