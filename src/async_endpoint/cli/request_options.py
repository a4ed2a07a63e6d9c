"""The options of the commands that submit documents: how each request is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from async_endpoint.protocol import (
    DEFAULT_INVOCATION_TIMEOUT_SECONDS,
    DEFAULT_REQUEST_TTL_SECONDS,
    INVOCATION_TIMEOUT_SECONDS_RANGE,
    REQUEST_TTL_SECONDS_RANGE,
)

Command = Callable[..., Any]


def request_options(command: Command) -> Command:
    """Adds `--concurrency`, `--content-type`, `--ttl`, `--invocation-timeout` and `--wake`."""
    options = (
        click.option(
            "--concurrency", type=click.IntRange(1, 256), default=16, show_default=True, help="Documents at once."
        ),
        click.option(
            "--content-type", metavar="TYPE", help="Media type of all documents.  [default: guessed for each]"
        ),
        click.option(
            "--ttl",
            type=click.IntRange(*REQUEST_TTL_SECONDS_RANGE),
            default=DEFAULT_REQUEST_TTL_SECONDS,
            show_default=True,
            help="Seconds that a document may wait in the endpoint's queue.",
        ),
        click.option(
            "--invocation-timeout",
            type=click.IntRange(*INVOCATION_TIMEOUT_SECONDS_RANGE),
            default=DEFAULT_INVOCATION_TIMEOUT_SECONDS,
            show_default=True,
            help="Seconds that the model may take for one document.",
        ),
        click.option(
            "--wake/--no-wake",
            default=True,
            show_default=True,
            help="Wake a sleeping endpoint at once, if the caller may; its own alarm takes minutes.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
