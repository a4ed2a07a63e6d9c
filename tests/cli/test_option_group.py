"""Options that several commands have come as one object, in the order of the group."""

from dataclasses import dataclass

import click
from click.testing import CliRunner

from async_endpoint.cli.option_group import option_group


@dataclass(frozen=True)
class Place:
    town: str
    street: str | None


@click.command()
@click.argument("name")
@option_group("place", Place, click.option("--town", default="Ulm"), click.option("--street"))
@click.option("--loud", is_flag=True)
@click.pass_context
def greet(context: click.Context, name: str, *, place: Place, loud: bool) -> None:
    click.echo(f"{context.info_name} {name} {place} {loud}")


def test_a_command_gets_the_values_as_one_object() -> None:
    given = CliRunner().invoke(greet, ["Ann", "--street", "Long", "--loud"])
    assert given.output == "greet Ann Place(town='Ulm', street='Long') True\n"


def test_the_help_has_the_options_where_the_group_is() -> None:
    assert [parameter.name for parameter in greet.params] == ["name", "town", "street", "loud"]
