"""`async-endpoint submit`: submits documents without waiting for their results."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from async_endpoint.cli.destination import destination_of, destination_options
from async_endpoint.cli.request_options import request_options
from async_endpoint.cli.run_report import json_option
from async_endpoint.cli.run_session import not_usable, ticket_option
from async_endpoint.cli.submit_session import SubmitSession
from async_endpoint.client import (
    AsyncEndpoint,
    AsyncEndpointError,
    FolderError,
    find_sources,
    new_run_id,
    new_ticket,
)
from async_endpoint.client.ticket_store import ticket_path


@click.command(short_help="Submit documents without waiting for their results.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@destination_options
@click.option(
    "--pattern", metavar="GLOB", help="Which files of a folder are documents, as for `run`.  [default: images, PDF]"
)
@request_options
@ticket_option
@json_option
@click.pass_context
def submit(
    context: click.Context,
    *,
    sources: tuple[str, ...],
    endpoint: str | None,
    inputs: str | None,
    stacks: tuple[str, ...],
    stage: str | None,
    pattern: str | None,
    concurrency: int,
    content_type: str | None,
    ttl: int,
    invocation_timeout: int,
    wake: bool,
    ticket_file: Path | None,
    as_json: bool,
) -> None:
    """Submit documents to an endpoint, and return when all are accepted.

    A SOURCE is a file, a folder, a quoted pattern such as 'scans/**/*.png', s3://bucket/key, s3://bucket/prefix/, or -
    for a list from standard input, one of them a line, without patterns. Write ./- for a file of that name.

    Objects in S3 are submitted where they are: the endpoint's role must be allowed to read them, which the stacks allow
    for the input bucket alone, and the caller must be allowed to list a prefix.

    The ticket continues with `async-endpoint wait` and `resume`.

    \b
    async-endpoint submit scans 'more/**/*.pdf' --stage dev
    find scans -name '*.tiff' | async-endpoint submit - --stage dev

    Exit status: 0 every document is accepted, 1 some are not, 2 wrong usage, 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    try:
        found = find_sources(sources, listed=sys.stdin.buffer, pattern=pattern)
    except FolderError as error:
        raise click.UsageError(str(error)) from error
    name, prefix = destination_of(endpoint, inputs, stacks, stage)
    if left_out := found.left_out_sentence():
        click.echo(left_out.encode("utf-8", "backslashreplace").decode(), err=True)
    number = new_run_id()
    try:
        target = AsyncEndpoint(name, input_location=prefix, concurrency=concurrency)
        ticket = new_ticket(
            Path.cwd(),
            found.expand(target.poller.transport),
            target,
            None,
            run=number,
            path=ticket_file or ticket_path(number),
            content_type=content_type,
            ttl=ttl,
            invocation_timeout=invocation_timeout,
        )
    except FolderError as error:
        raise click.UsageError(str(error)) from error
    except AsyncEndpointError as error:
        raise not_usable(error) from error
    with closing(ticket):
        session = SubmitSession(ticket, target, wake=wake, own_file=ticket_file is not None, as_json=as_json)
        context.exit(session.submit())
