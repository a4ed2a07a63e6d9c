"""The options of the commands that submit documents: how each request is made, and what remembers the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from async_endpoint.cli.option_group import option_group
from async_endpoint.cli.run_report import json_option
from async_endpoint.cli.run_session import ticket_option
from async_endpoint.client import new_run_id, new_ticket
from async_endpoint.client.ticket_store import ticket_path
from async_endpoint.protocol import (
    DEFAULT_INVOCATION_TIMEOUT_SECONDS,
    DEFAULT_REQUEST_TTL_SECONDS,
    INVOCATION_TIMEOUT_SECONDS_RANGE,
    REQUEST_TTL_SECONDS_RANGE,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from async_endpoint.client import AsyncEndpoint, Ticket
    from async_endpoint.protocol import S3Location


@dataclass(frozen=True)
class RequestOptions:
    """The values of the options."""

    concurrency: int
    content_type: str | None
    ttl: int
    invocation_timeout: int
    wake: bool
    ticket_file: Path | None
    as_json: bool

    def new_ticket(
        self,
        folder: Path,
        documents: Sequence[Path | S3Location],
        endpoint: AsyncEndpoint,
        output: Path | None,
        *,
        watch: bool = False,
    ) -> Ticket:
        """Returns the ticket of a new run; the arguments are those of the client's `new_ticket`.

        Raises:
            TicketError: The ticket cannot be written, or is there already.
        """
        run = new_run_id()
        return new_ticket(
            folder,
            documents,
            endpoint,
            output,
            run=run,
            path=self.ticket_file or ticket_path(run),
            content_type=self.content_type,
            ttl=self.ttl,
            invocation_timeout=self.invocation_timeout,
            watch=watch,
        )

    @property
    def own_file(self) -> bool:
        """Whether the user named the ticket's file."""
        return self.ticket_file is not None


request_options = option_group(
    "request",
    RequestOptions,
    click.option(
        "--concurrency", type=click.IntRange(1, 256), default=16, show_default=True, help="Documents at once."
    ),
    click.option("--content-type", metavar="TYPE", help="Media type of all documents.  [default: guessed for each]"),
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
    ticket_option,
    json_option,
)
"""Adds `--concurrency`, `--content-type`, `--ttl`, `--invocation-timeout`, `--wake`, `--ticket` and `--json`."""
