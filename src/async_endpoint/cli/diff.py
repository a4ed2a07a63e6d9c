"""`async-endpoint diff`: what a change would do, from templates alone."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from async_endpoint.cli.diff_bill import bill_as_markdown, bill_as_text
from async_endpoint.operations.cdk import CdkError
from async_endpoint.operations.commands import CommandError
from async_endpoint.operations.diff.bill import compare_bills
from async_endpoint.operations.diff.changes import IN_PLACE, REMOVED, REPLACED, Change
from async_endpoint.operations.diff.commits import CommitError, compare_with_commit
from async_endpoint.operations.diff.review import Review, review
from async_endpoint.operations.diff.schemas import SchemasMissing
from async_endpoint.operations.diff.templates import TemplatesMissing, read_templates

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKS = {IN_PLACE: "~", REPLACED: "!", REMOVED: "-"}
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FORBIDDEN = 1
_NOT_COMPARED = 2


@click.command()
@click.argument("base", type=_FOLDER, required=False)
@click.argument("head", type=_FOLDER, required=False)
@click.option("--base", "commit", metavar="COMMIT", help="Compare every stage of this app with COMMIT.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The stage's file, whose table [plan] has its traffic; with --base, each stage's own.",
)
@click.option("--title", metavar="TEXT", default="", help="A heading; with --base, each stage's name is one.")
def diff(
    base: Path | None, head: Path | None, *, commit: str | None, markdown: bool, plan_file: Path | None, title: str
) -> None:
    """Show what a change of templates would do to a stage.

    BASE and HEAD are folders of `cdk synth --output`: what is deployed, and what would be.

    With --base COMMIT, synthesises every stage at COMMIT and in the working tree, and compares the two; also prints
    `cdk diff` for each stack, unless --markdown is given.

    Lists every resource that would be added, removed, replaced or changed in place, every permission that would be
    wider, and every alarm or scaling that would be weaker. Rejects changes that would lose documents, jobs, messages or
    subscriptions, and changes that SageMaker would reject.

    Simulates both sides with the traffic in the table [plan] of config/STAGE.toml, and prints the bill and the wait
    before and after. AWS is not called.

    \b
    async-endpoint diff --base origin/main
    async-endpoint diff base.out head.out --plan config/dev.toml --markdown

    Exit status: 0 the change can be deployed, 1 it must not be deployed, 2 wrong usage or a failed synthesis.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if (head is None) if commit is None else (base is not None):
        raise click.UsageError("Name two folders of `cdk synth --output`, or a commit with --base: one of the two.")
    if plan_file is not None and commit is not None:
        raise click.UsageError("--plan goes with two folders: with --base, each stage has a file of its own.")
    try:
        if base is not None and head is not None:
            found = [_compare_folders(base, head, title, plan_file, markdown=markdown)]
        else:
            found = [*_compare_stages(commit or "", markdown=markdown)]
    except (TemplatesMissing, CommitError, CommandError) as error:
        raise click.UsageError(str(error)) from error
    except CdkError as error:
        click.echo(error.log.rstrip() or str(error), err=True)
        sys.exit(_NOT_COMPARED)
    except SchemasMissing as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_NOT_COMPARED)
    if any(each.forbidden for each in found):
        sys.exit(_FORBIDDEN)


def _compare_folders(base: Path, head: Path, title: str, plan_file: Path | None, *, markdown: bool) -> Review:
    found = review(read_templates(base), read_templates(head))
    click.echo("\n".join(_as_markdown(found, title) if markdown else _as_text(found, title)))
    if plan_file is not None:
        _print_bill(found, base, head, plan_file, markdown=markdown)
    return found


def _print_bill(found: Review, base: Path | None, head: Path, file: Path, *, markdown: bool) -> None:
    """Prints what a change does to the bill, which nothing does to that of equal templates."""
    if found.is_empty:
        return
    bills = compare_bills(base, head, file, Path.cwd(), datetime.now(UTC).date())
    click.echo("\n".join(bill_as_markdown(bills) if markdown else bill_as_text(bills)))


def _compare_stages(commit: str, *, markdown: bool) -> Iterator[Review]:
    with contextlib.closing(compare_with_commit(commit, cdk_diffs=not markdown)) as comparisons:
        for stage, found, cdk_diffs, old, new, file in comparisons:
            if found is None or new is None or file is None:
                heading = f"### {stage}\n" if markdown else stage
                click.echo(f"{heading}\nThe stage is removed; its stacks stay deployed until you destroy them.")
                continue
            for text in cdk_diffs:
                click.echo(text, nl=False)
            click.echo("\n".join(_as_markdown(found, stage) if markdown else _as_text(found, stage)))
            _print_bill(found, old, new, file, markdown=markdown)
            yield found


def _as_text(found: Review, title: str) -> Iterator[str]:
    if title:
        yield title
    if found.is_empty:
        yield "No differences."
    for change in found.changes:
        yield f"  {_MARKS.get(change.action, '+')} {change.action:<9} {change.kind}  {_place(change)}"
    if found.outputs:
        yield "Outputs: " + ", ".join(found.outputs)
    for heading, lines in found.warnings:
        yield f"{heading}:"
        yield from (f"  {line}" for line in lines)


def _as_markdown(found: Review, title: str) -> Iterator[str]:
    if title:
        yield f"### {title}\n"
    if found.is_empty:
        yield "No differences."
    if found.changes:
        yield "| | resource | type |\n|---|---|---|"
        for change in found.changes:
            yield f"| {change.action} | {_place(change)} | `{change.kind}` |"
    if found.outputs:
        yield "\nOutputs: " + ", ".join(found.outputs)
    for heading, lines in found.warnings:
        yield f"\n**{heading}**\n"
        yield from (f"- {line}" for line in lines)


def _place(change: Change) -> str:
    return f"{change.path} ({', '.join(change.properties)})" if change.properties else change.path
