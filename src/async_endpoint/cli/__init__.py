"""The `async-endpoint` command."""

import importlib

import click

from async_endpoint.cli.cancel import cancel
from async_endpoint.cli.deploy import deploy
from async_endpoint.cli.destroy import destroy
from async_endpoint.cli.diff import diff
from async_endpoint.cli.dlq import dlq
from async_endpoint.cli.preflight import preflight
from async_endpoint.cli.redrive import redrive
from async_endpoint.cli.resume import resume
from async_endpoint.cli.retry import retry
from async_endpoint.cli.rollback import rollback
from async_endpoint.cli.run import run
from async_endpoint.cli.runs import runs
from async_endpoint.cli.status import jobs, status

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="async-endpoint", prog_name="async-endpoint")
def main() -> None:
    """Tools for a SageMaker asynchronous endpoint that scales to zero."""


def _group_of_extra(name: str) -> click.Command:
    """Returns the command group of the module with that name; without the extra, a command that asks to install it."""
    try:
        group: click.Command = getattr(importlib.import_module(f"async_endpoint.cli.{name}"), name)
    except ModuleNotFoundError as error:
        message = f"`async-endpoint {name}` needs {error.name}: install it with `pip install 'async-endpoint[local]'`."

        @click.command(name, context_settings={"ignore_unknown_options": True}, help=message)
        @click.argument("arguments", nargs=-1)
        def unavailable(arguments: tuple[str, ...]) -> None:
            del arguments
            raise click.ClickException(message)

        return unavailable
    return group


main.add_command(run)
main.add_command(resume)
main.add_command(runs)
main.add_command(status)
main.add_command(jobs)
main.add_command(retry)
main.add_command(redrive)
main.add_command(cancel)
main.add_command(dlq)
main.add_command(preflight)
main.add_command(deploy)
main.add_command(rollback)
main.add_command(destroy)
main.add_command(diff)
for _name in ("local", "model"):
    main.add_command(_group_of_extra(_name))
