"""The `async-endpoint` command."""

import importlib

import click

from async_endpoint.cli.deploy import deploy
from async_endpoint.cli.destroy import destroy
from async_endpoint.cli.diff import diff
from async_endpoint.cli.preflight import preflight
from async_endpoint.cli.run import run
from async_endpoint.cli.status import jobs, status

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="async-endpoint", prog_name="async-endpoint")
def main() -> None:
    """Tools for a SageMaker asynchronous endpoint that scales to zero."""


def _with_extra(module: str, name: str, what: str) -> click.Command:
    """Returns a command group of a module, or a command that names the missing extra."""
    try:
        # The other commands must work without the extra.
        group: click.Command = getattr(importlib.import_module(f"async_endpoint.cli.{module}"), name)
    except ImportError as error:
        reason = str(error)

        @click.command(name, context_settings={"ignore_unknown_options": True}, help=f"{what} (its extra is missing).")
        @click.argument("arguments", nargs=-1)
        def unavailable(arguments: tuple[str, ...]) -> None:
            del arguments
            raise click.ClickException(reason)

        return unavailable
    return group


main.add_command(run)
main.add_command(status)
main.add_command(jobs)
main.add_command(preflight)
main.add_command(deploy)
main.add_command(destroy)
main.add_command(diff)
main.add_command(_with_extra("local", "local", "A local AWS"))
main.add_command(_with_extra("model", "model", "The model's archive"))
