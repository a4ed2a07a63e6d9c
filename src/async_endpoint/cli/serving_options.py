"""The options that choose serving environments, for the commands that run containers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from async_endpoint.emulator.containers.environment import default_place
from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES

Command = Callable[..., Any]


def serving_env_option(command: Command) -> Command:
    """Adds `--serving-env`, the folder of the default image's environment."""
    return click.option(
        "--serving-env",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="ASYNC_ENDPOINT_SERVING_ENV",
        default=default_place,
        show_default=".venv-serving beside the virtual environment of this command",
        show_envvar=True,
        help=(
            f"The environment that stands in for {DEFAULT_IMAGE}; another image's is beside it, with the image's name "
            "at its end. Built if it does not exist."
        ),
    )(command)


def images_option(text: str) -> Callable[[Command], Command]:
    """Adds `--image`, repeatable, with a help text; the default image alone if it is not given."""
    return click.option(
        "--image",
        "images",
        type=click.Choice(list(IMAGES)),
        multiple=True,
        default=[DEFAULT_IMAGE],
        show_default=True,
        help=f"{text} Repeatable.",
    )
