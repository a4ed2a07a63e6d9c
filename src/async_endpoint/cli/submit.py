"""`async-endpoint submit`: submits documents without waiting for their results."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from async_endpoint.cli.aws_session import submitting_session
from async_endpoint.cli.destination import Destination, destination_options
from async_endpoint.cli.request_options import RequestOptions, request_options
from async_endpoint.cli.run_session import not_usable
from async_endpoint.cli.submit_session import SubmitSession
from async_endpoint.client import (
    AsyncEndpoint,
    AsyncEndpointError,
    FolderError,
    FolderWatch,
    Ticket,
    find_sources,
)
from async_endpoint.client.folder_documents import documents_now, readable
from async_endpoint.client.ticket_store import is_watch_of, newest_watch


@click.command(short_help="Submit documents without waiting for their results.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@destination_options
@click.option(
    "--pattern", metavar="GLOB", help="Which files of a folder are documents, as for `run`.  [default: images, PDF]"
)
@click.option(
    "--watch", is_flag=True, help="Submit each file of one folder once it is complete, new ones too, until Ctrl-C."
)
@request_options
@click.pass_context
def submit(
    context: click.Context,
    *,
    sources: tuple[str, ...],
    destination: Destination,
    pattern: str | None,
    watch: bool,
    request: RequestOptions,
) -> None:
    """Submit documents to an endpoint, and return when all are accepted.

    A SOURCE is a file, a folder, a quoted pattern such as 'scans/**/*.png', s3://bucket/key, s3://bucket/prefix/, or -
    for a list from standard input, one of them a line, without patterns. Write ./- for a file of that name.

    Objects in S3 are submitted where they are: the endpoint's role must be allowed to read them, which the stacks allow
    for the input bucket alone, and the caller must be allowed to list a prefix.

    The ticket continues with `async-endpoint wait` and `resume`.

    With --watch, a file is complete if it is not empty and did not change for two seconds. Each file is submitted once,
    also if it changes later. The same command continues the newest watch of the folder: its ticket has what was
    submitted, and its --content-type, --ttl and --invocation-timeout apply.

    \b
    async-endpoint submit scans 'more/**/*.pdf' --stage dev
    async-endpoint submit --watch inbox --stage dev
    find scans -name '*.tiff' | async-endpoint submit - --stage dev

    Exit status: 0 every document is accepted, 1 some are not, 2 wrong usage or another process uses the
    ticket, 130 after Ctrl-C. With --watch, Ctrl-C is the normal end.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    try:
        folder = _watched(sources, pattern) if watch else None
        found = find_sources(() if watch else sources, listed=sys.stdin.buffer, pattern=pattern)
    except FolderError as error:
        raise click.UsageError(str(error)) from error
    name, prefix = destination.resolve()
    if left_out := found.left_out_sentence():
        click.echo(left_out.encode("utf-8", "backslashreplace").decode(), err=True)
    try:
        target = AsyncEndpoint(
            name, input_location=prefix, session=submitting_session(), concurrency=request.concurrency
        )
        ticket = _earlier_watch(folder, target, request.ticket_file) if folder else None
        if ticket is None:
            documents = found.expand(target.poller.transport)
            ticket = request.new_ticket(folder or Path.cwd(), documents, target, None, watch=watch)
    except FolderError as error:
        raise click.UsageError(str(error)) from error
    except AsyncEndpointError as error:
        raise not_usable(error) from error
    with closing(ticket):
        session = SubmitSession(ticket, target, wake=request.wake, own_file=request.own_file, as_json=request.as_json)
        context.exit(session.watch(FolderWatch(folder, pattern), folder) if folder else session.submit())


def _watched(sources: tuple[str, ...], pattern: str | None) -> Path:
    """Returns the folder to watch.

    Raises:
        click.UsageError: The sources are not one folder.
        FolderError: The folder cannot be read, or the pattern cannot be used.
    """
    folder = Path(sources[0])
    with readable(folder):
        is_folder = folder.is_dir()
    if len(sources) != 1 or not is_folder:
        raise click.UsageError("--watch takes one folder that exists, and no other source.")
    documents_now(folder, pattern=pattern)  # what is wrong is found before there is a ticket
    return folder


def _earlier_watch(folder: Path, endpoint: AsyncEndpoint, ticket_file: Path | None) -> Ticket | None:
    """Opens the ticket of an earlier watch of the folder for this endpoint; returns None without one.

    Raises:
        click.UsageError: `--ticket` names that of another run.
        TicketError: The ticket cannot be opened.
    """
    path = ticket_file or newest_watch(folder, endpoint.endpoint_name, endpoint.region)
    if path is None or not path.exists():
        return None
    ticket = Ticket.open(path)
    if not is_watch_of(ticket.settings, folder, endpoint.endpoint_name, endpoint.region):
        ticket.close()
        raise click.UsageError(f"{path} is the ticket of another run: name a new file, or leave out --ticket.")
    click.echo(f"Run {ticket.settings.run} continues; documents until now: {ticket.counts().total()}.", err=True)
    return ticket
