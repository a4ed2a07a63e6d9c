"""Options that several commands have, whose values a command gets as one object."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any

Command = Callable[..., Any]


def option_group(name: str, into: type, *parameters: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Returns a decorator that adds options to a command.

    Args:
        name: Of the command's argument that gets their values.
        into: The dataclass of the values; its fields have the names of the options.
        parameters: What `click.option` and `click.argument` return, in the order of the help.
    """
    names = [field.name for field in fields(into)]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def call(*arguments: Any, **values: Any) -> Any:
            group = into(**{each: values.pop(each) for each in names})
            return command(*arguments, **values, **{name: group})

        decorated: Command = call
        for parameter in reversed(parameters):
            decorated = parameter(decorated)
        return decorated

    return decorate
