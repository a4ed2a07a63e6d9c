"""`async-endpoint completion`: completion of commands and options in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_PROGRAM = "async-endpoint"
_VARIABLE = "_ASYNC_ENDPOINT_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the script that completes commands in a shell.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print a script with which SHELL completes commands and options: bash, zsh or fish.

    \b
    async-endpoint completion bash > ~/.async-endpoint.bash && echo '. ~/.async-endpoint.bash' >> ~/.bashrc
    async-endpoint completion zsh > ~/.async-endpoint.zsh && echo '. ~/.async-endpoint.zsh' >> ~/.zshrc
    async-endpoint completion fish > ~/.config/fish/completions/async-endpoint.fish

    Exit status: 0 it is printed, 1 the shell is too old, 2 wrong usage.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"Click knows no completion of {shell}: install a newer one.")
    try:
        click.echo(found(context.find_root().command, {}, _PROGRAM, _VARIABLE).source())
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error
