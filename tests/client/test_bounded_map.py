"""Calls run in parallel, in order, and none starts after one has raised."""

import threading
from itertools import count

import pytest

from async_endpoint.client.bounded_map import bounded_map


def test_outputs_come_in_the_order_of_the_items() -> None:
    assert list(bounded_map(lambda number: number * 2, range(100), workers=7)) == [2 * number for number in range(100)]


def test_an_endless_source_is_read_only_a_little_ahead() -> None:
    taken = count()
    source = (next(taken) for _ in iter(int, 1))
    outputs = bounded_map(str, source, workers=3)

    assert [next(outputs) for _ in range(10)] == [str(number) for number in range(10)]
    outputs.close()  # type: ignore[attr-defined]  # it is a generator

    assert next(taken) <= 10 + 2 * 3


def test_after_an_error_nothing_new_starts() -> None:
    started, never = [], threading.Event()

    def call(number: int) -> int:
        started.append(number)
        if number == 0:
            raise ValueError("no")
        never.wait(timeout=2)  # the workers are busy while the consumer learns of the error
        return number

    with pytest.raises(ValueError, match="no"):
        list(bounded_map(call, range(1000), workers=2))

    # The workers may take the items that were handed out before the consumer has seen the error: two for each.
    assert {0, 1} <= set(started) <= {0, 1, 2, 3}
