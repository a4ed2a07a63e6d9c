"""The `async-endpoint` command."""

import click

from async_endpoint.cli.batch import FolderError, RunInterrupted, RunSummary, run_folder
from async_endpoint.cli.deploy import deploy
from async_endpoint.cli.destroy import destroy
from async_endpoint.cli.diff import diff
from async_endpoint.cli.jobs import jobs, status
from async_endpoint.cli.run import run

__all__ = ["FolderError", "RunInterrupted", "RunSummary", "main", "run_folder"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="async-endpoint", prog_name="async-endpoint")
def main() -> None:
    """Tools for a SageMaker asynchronous endpoint that scales to zero."""


def _local() -> click.Command:
    """The `local` group, or without the extra that it needs a command that says so."""
    try:
        from async_endpoint.cli.local import local  # noqa: PLC0415 - the client must work without the extra
    except ImportError as error:
        reason = str(error)

        @click.command("local", context_settings={"ignore_unknown_options": True})
        @click.argument("arguments", nargs=-1)
        def unavailable(arguments: tuple[str, ...]) -> None:
            """A local AWS (its extra is not installed)."""
            del arguments
            raise click.ClickException(reason)

        return unavailable
    return local


main.add_command(run)
main.add_command(status)
main.add_command(jobs)
main.add_command(deploy)
main.add_command(destroy)
main.add_command(diff)
main.add_command(_local())
