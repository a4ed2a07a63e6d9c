"""`async-endpoint diff`: what a change would do, from two synthesised apps."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from async_endpoint.operations.diff.review import IN_PLACE, REMOVED, REPLACED, Change, Review, review

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKS = {IN_PLACE: "~", REPLACED: "!", REMOVED: "-"}
_SCHEMAS_OF = "us-east-1"  # which region's does not matter for what is create-only
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("base", type=_FOLDER)
@click.argument("head", type=_FOLDER)
@click.option("--markdown", is_flag=True, help="Write a comment for a pull request.")
@click.option("--title", metavar="TEXT", default="", help="A line above it all.")
def diff(base: Path, head: Path, *, markdown: bool, title: str) -> None:
    """Say what would become of BASE if HEAD were deployed in its place; both are folders of `cdk synth --output`.

    Names every resource that would be added, removed, replaced or changed in place, every permission that would be
    wider, every alarm or scaling that would be weaker. Refuses what would lose documents, jobs, messages or
    subscriptions, and what SageMaker would refuse.

    Exit status: 0 it can be deployed, 1 it is refused, 2 wrong usage.
    """
    found = review(_templates(base), _templates(head), _create_only())
    lines = _markdown(found, title) if markdown else _text(found, title)
    click.echo("\n".join(lines))
    if found.refused:
        raise SystemExit(1)


def _templates(folder: Path) -> dict[str, Any]:
    """The templates of a cloud assembly by their stacks' ids.

    Raises:
        click.UsageError: The folder holds none.
    """
    found = {
        path.name.removesuffix(".template.json"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.template.json"))
    }
    if not found:
        raise click.UsageError(f"{folder} holds no templates: make them with `npx cdk synth --output {folder}`.")
    return found


def _create_only() -> Any:
    """Gives a type's create-only properties; of types that no schema is known for, as custom resources, none."""
    try:
        # Only here is it needed.
        from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError  # noqa: PLC0415
    except ImportError as error:
        raise click.ClickException(
            "The resource schemas come with cfn-lint: install it with pip install 'cfn-lint==1.58.0'."
        ) from error

    @functools.cache
    def create_only(kind: str) -> frozenset[str]:
        try:
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(_SCHEMAS_OF, kind).schema
        except ResourceNotFoundError:
            return frozenset()
        paths = schema.get("createOnlyProperties") or ()
        return frozenset(path.split("/")[2] for path in paths if path.startswith("/properties/"))

    return create_only


def _text(found: Review, title: str) -> Iterator[str]:
    if title:
        yield title
    if found.empty:
        yield "No differences."
    for change in found.changes:
        yield f"  {_MARKS.get(change.action, '+')} {change.action:<9} {change.kind}  {_place(change)}"
    if found.outputs:
        yield "Outputs: " + ", ".join(found.outputs)
    for heading, items in found.callouts:
        yield f"{heading}:"
        yield from (f"  {each}" for each in items)


def _markdown(found: Review, title: str) -> Iterator[str]:
    if title:
        yield f"### {title}\n"
    if found.empty:
        yield "No differences."
    if found.changes:
        yield "| | resource | type |\n|---|---|---|"
        for change in found.changes:
            yield f"| {change.action} | {_place(change)} | `{change.kind}` |"
    if found.outputs:
        yield "\nOutputs: " + ", ".join(found.outputs)
    for heading, items in found.callouts:
        yield f"\n**{heading}**\n"
        yield from (f"- {each}" for each in items)


def _place(change: Change) -> str:
    return f"{change.path} ({', '.join(change.because)})" if change.because else change.path
