"""The line of JSON that the commands of a run print at their end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from async_endpoint.client import DocumentState

if TYPE_CHECKING:
    from collections import Counter

    from async_endpoint.client import Ticket

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one line of JSON at the end; all else goes to standard error."
)

_NAMES = {
    DocumentState.COMPLETED: "completed",
    DocumentState.FAILED: "failed",
    DocumentState.EXPIRED: "expired",
    DocumentState.CANCELLED: "cancelled",
    DocumentState.QUEUED: "queued",
    DocumentState.SUBMITTING: "in_doubt",
    DocumentState.WAITING: "not_sent",
}


def in_words(counts: Counter[DocumentState]) -> str:
    """Returns how many documents are in each state, such as `2 completed, 1 in doubt`."""
    return ", ".join(f"{counts[state]:,} {name.replace('_', ' ')}" for state, name in _NAMES.items() if counts[state])


def print_line(
    ticket: Ticket,
    counts: Counter[DocumentState] | None,
    *,
    seconds: float,
    output: str | None = None,
    error: str | None = None,
) -> None:
    """Prints the line of JSON for a run.

    Args:
        ticket: The run's ticket, which may be closed, or deleted because nothing was sent.
        counts: How many documents are in each state; None, for a ticket that cannot be read, prints no line.
        seconds: How long the command took.
        output: The file that has the lines; None if none has.
        error: Why the command ended early.
    """
    if counts is None:
        return
    line = {
        "run": ticket.settings.run,
        "documents": counts.total(),
        **{name: counts[state] for state, name in _NAMES.items()},
        "seconds": round(seconds, 3),
        "output": output,
        "ticket": str(ticket.path) if ticket.path and ticket.path.exists() else None,
        "error": error,
    }
    click.echo(json.dumps(line))
