"""`async-endpoint model new`: the files of a model of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from async_endpoint.operations.model.new_model import NewModelError, create_model


@click.command(short_help="Write the files of a new model and its stage.")
@click.argument("name")
def new(name: str) -> None:
    """Write a model NAME that deploys as it is, to be changed into your own: functions, weights, a sample, a stage.

    Run it in the checkout of the app. It replaces nothing; to undo it, delete models/NAME and config/NAME.toml.

    \b
    async-endpoint model new invoice-reader
    async-endpoint model check --stage invoice-reader --folder models/invoice-reader \\
        --sample models/invoice-reader/samples/one.txt

    Exit status: 0 the files are written, 1 they are not, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    try:
        files = create_model(Path.cwd(), name)
    except NewModelError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename} cannot be written: {error.strerror}.") from error
    for path in files:
        click.echo(path)
    click.echo(
        f"Next: change models/{name}/code/inference.py, check it with `async-endpoint model check --folder "
        f"models/{name} --sample models/{name}/samples/one.txt`, and deploy it with `make deploy STAGE={name}`."
    )
