"""The `async-endpoint` command."""

import click

from async_endpoint.cli.batch import FolderError, RunInterrupted, RunSummary, run_folder
from async_endpoint.cli.run import run

__all__ = ["FolderError", "RunInterrupted", "RunSummary", "main", "run_folder"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="async-endpoint", prog_name="async-endpoint")
def main() -> None:
    """Tools for a SageMaker asynchronous endpoint that scales to zero."""


main.add_command(run)
