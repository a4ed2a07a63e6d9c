"""`--state-dir`, the folder that tells one local AWS from another, and the one that runs there."""

from pathlib import Path

import click

from async_endpoint.emulator.launcher import DEFAULT_STATE_DIR, LocalAws, state_dir_arguments

state_dir_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_STATE_DIR,
    show_default=True,
    help="The local AWS's folder.",
)


def nothing_runs(state_dir: Path) -> str:
    """That there is none in a folder, as a sentence without its end."""
    return f"No local AWS runs in {state_dir}"


def running_in(state_dir: Path) -> LocalAws:
    """The one that runs in a folder.

    Raises:
        click.ClickException: None does.
    """
    running = LocalAws.find(state_dir)
    if running is None:
        start = f"async-endpoint local start{state_dir_arguments(state_dir)}"
        raise click.ClickException(f"{nothing_runs(state_dir)}: start one with `{start}`.")
    return running
