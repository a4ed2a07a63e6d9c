"""The progress of one count."""

import io

from rich.console import Console

from async_endpoint.cli.counter import counter_on


def shown(*, terminal: bool) -> str:
    file = io.StringIO()
    counter = counter_on(Console(file=file, force_terminal=terminal, width=100), "requested")
    counter.start(30)
    for _ in range(15):
        counter.advance()
    counter.report("[red]no[/red]")
    counter.show(30, 30)
    counter.stop()
    return file.getvalue()


def test_elsewhere_there_are_about_ten_lines_and_every_error() -> None:
    assert shown(terminal=False).splitlines() == [
        *(f"requested {done}/30" for done in (3, 6, 9, 12, 15)),
        "[red]no[/red]",
        "requested 30/30",
    ]


def test_on_a_terminal_there_is_a_bar_and_every_error() -> None:
    text = shown(terminal=True)
    assert "30/30" in text
    assert "[red]no[/red]" in text
