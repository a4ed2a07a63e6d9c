"""One pool for submissions and results: never more calls at once, and results go first."""

from __future__ import annotations

import threading
import time

import pytest

from async_endpoint.client.shared_pool import SharedPool


def test_urgent_calls_go_before_the_queued_ones() -> None:
    pool, begun, hold = SharedPool(1), threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        begun.set()
        hold.wait(10)

    pool.submit(first)
    assert begun.wait(10)
    others = [pool.submit(order.append, f"other {number}") for number in range(2)]
    urgent = [pool.urgent.submit(order.append, f"urgent {number}") for number in range(2)]
    hold.set()
    for call in (*others, *urgent):
        call.result(10)
    pool.shutdown()

    assert order == ["urgent 0", "urgent 1", "other 0", "other 1"]


def test_both_kinds_share_the_threads() -> None:
    pool, lock = SharedPool(3), threading.Lock()
    running, most = 0, 0

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    others = [pool.submit(work, number) for number in range(12)]
    list(pool.urgent.map(work, range(12)))
    for call in others:
        call.result(10)
    pool.shutdown()

    assert most == 3


def test_a_call_that_raises_gives_its_error_and_the_next_one_runs() -> None:
    pool = SharedPool(1)

    with pytest.raises(ZeroDivisionError):
        pool.urgent.submit(lambda: 1 // 0).result(10)
    assert pool.submit(max, 1, 2).result(10) == 2
    pool.shutdown()


def test_closing_finishes_the_call_in_progress_and_drops_the_others() -> None:
    pool, begun = SharedPool(1), threading.Event()
    done: list[int] = []

    def first() -> None:
        begun.set()
        time.sleep(0.05)
        done.append(1)

    pool.submit(first)
    pool.submit(done.append, 2)
    assert begun.wait(10)
    pool.shutdown()

    assert done == [1]
