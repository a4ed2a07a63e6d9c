"""`async-endpoint run`: sends a folder of documents through an endpoint."""

from __future__ import annotations

from pathlib import Path

import click

from async_endpoint.cli.aws_session import submitting_session
from async_endpoint.cli.destination import Destination, destination_options
from async_endpoint.cli.request_options import RequestOptions, request_options
from async_endpoint.cli.run_session import finish, not_usable
from async_endpoint.client import (
    AsyncEndpoint,
    AsyncEndpointError,
    FolderError,
    RunOptions,
    find_documents,
)


@click.command(short_help="Send a folder of documents to an endpoint.")
@click.argument("folder", type=click.Path(path_type=Path))
@destination_options
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("results.jsonl"),
    show_default=True,
    help="One line of JSON for each document; an old one is replaced when the run has lines.",
)
@click.option(
    "--pattern", metavar="GLOB", help="Which files are documents, such as '**/*.png'.  [default: images, PDF]"
)
@click.option("--limit", type=click.IntRange(min=1), help="Send at most this many documents.")
@request_options
@click.pass_context
def run(
    context: click.Context,
    *,
    folder: Path,
    destination: Destination,
    output: Path,
    pattern: str | None,
    limit: int | None,
    request: RequestOptions,
) -> None:
    """Send the documents in FOLDER through an endpoint and write their results.

    Region, credentials and endpoint URL are boto3's own: AWS_DEFAULT_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and so on.

    A ticket remembers what was sent: `async-endpoint resume` continues a run that was broken off, and `submit` sends
    documents without waiting.

    \b
    async-endpoint run samples/receipts --stage dev
    async-endpoint run invoices --pattern '**/*.pdf' --endpoint NAME --input s3://INPUT_BUCKET/by-hand/

    Exit status: 0 every document completed, 1 some did not, 2 wrong usage, 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    try:
        found = find_documents(folder, pattern=pattern, limit=limit)  # before any call to AWS
    except FolderError as error:
        raise click.UsageError(str(error)) from error
    name, prefix = destination.resolve()
    if left_out := found.left_out_sentence():
        click.echo(left_out.encode("utf-8", "backslashreplace").decode(), err=True)
    try:
        target = AsyncEndpoint(
            name, input_location=prefix, session=submitting_session(), concurrency=request.concurrency
        )
        ticket = request.new_ticket(folder, found.documents, target, output)
    except AsyncEndpointError as error:
        raise not_usable(error) from error
    context.exit(
        finish(ticket, target, RunOptions(), wake=request.wake, own_file=request.own_file, as_json=request.as_json)
    )
