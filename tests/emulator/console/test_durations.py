"""Lengths of time in words."""

import pytest

from async_endpoint.emulator.console.durations import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (200, "3 min 20 s"), (7_500, "2 h 5 min"), (3_600, "1 h"), (273_600, "3 d 4 h")],
)
def test_durations_are_short_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
