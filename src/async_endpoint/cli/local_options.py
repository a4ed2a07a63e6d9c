"""Options that the commands on a local AWS share, and the local AWS that they name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from async_endpoint.emulator.launcher import DEFAULT_REGION, DEFAULT_STATE_DIR, LocalAws, state_dir_arguments

state_dir_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_STATE_DIR,
    show_default=True,
    help="The folder of the local AWS.",
)


def region_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns the option `--region` with this help text."""
    return click.option(
        "--region",
        metavar="NAME",
        envvar="AWS_REGION",
        default=DEFAULT_REGION,
        show_default=True,
        show_envvar=True,
        help=text,
    )


def no_local_aws(state_dir: Path) -> str:
    """Returns the start of the message that there is no local AWS in a folder."""
    return f"No local AWS runs in {state_dir}"


def running_in(state_dir: Path) -> LocalAws:
    """Returns the local AWS that runs in a folder.

    Raises:
        click.ClickException: No local AWS runs in the folder.
    """
    running = LocalAws.find(state_dir)
    if running is None:
        start = f"async-endpoint local start{state_dir_arguments(state_dir)}"
        raise click.ClickException(f"{no_local_aws(state_dir)}: start one with `{start}`.")
    return running
