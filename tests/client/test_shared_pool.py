"""One pool for submissions and results: never more calls at once, and results go first."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from async_endpoint.client.shared_pool import SharedPool


def test_urgent_calls_go_before_the_queued_ones() -> None:
    pool, begun, hold, over = SharedPool(1), threading.Event(), threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        begun.set()
        hold.wait(10)

    pool.run(first)
    assert begun.wait(10)
    for number in range(2):
        pool.run(partial(order.append, f"other {number}"))
    urgent = [pool.urgent.submit(order.append, f"urgent {number}") for number in range(2)]
    hold.set()
    for call in urgent:
        call.result(10)
    pool.run(over.set)
    assert over.wait(10)
    pool.shutdown()

    assert order == ["urgent 0", "urgent 1", "other 0", "other 1"]


def test_both_kinds_share_the_threads() -> None:
    pool, lock, together = SharedPool(3), threading.Lock(), threading.Barrier(3)
    running, most, done = 0, 0, 0

    def work(_: int) -> None:
        nonlocal running, most, done
        with lock:
            running += 1
            most = max(most, running)
        together.wait(10)  # each of the three has two more beside it
        with lock:
            running -= 1
            done += 1

    for number in range(12):
        pool.run(partial(work, number))
    list(pool.urgent.map(work, range(12)))
    gives_up = time.monotonic() + 10
    while done < 24 and time.monotonic() < gives_up:
        time.sleep(0.001)
    pool.shutdown()

    assert (done, most) == (24, 3)


def test_a_call_that_raises_gives_its_error_and_the_next_one_runs() -> None:
    pool = SharedPool(1)

    with pytest.raises(ZeroDivisionError):
        pool.urgent.submit(lambda: 1 // 0).result(10)
    assert pool.urgent.submit(max, 1, 2).result(10) == 2
    pool.shutdown()


def test_closing_finishes_the_call_in_progress_and_drops_the_others() -> None:
    pool, begun = SharedPool(1), threading.Event()
    done: list[int] = []

    def first() -> None:
        begun.set()
        gives_up = time.monotonic() + 10
        while not pool._closed and time.monotonic() < gives_up:
            time.sleep(0.001)
        done.append(1)

    pool.run(first)
    pool.run(partial(done.append, 2))
    assert begun.wait(10)
    pool.shutdown()

    assert done == [1]
    with pytest.raises(RuntimeError, match="closed"):
        pool.run(partial(done.append, 3))


def test_a_pool_that_nobody_closes_does_not_hold_up_the_exit() -> None:
    program = (
        "from async_endpoint.client.shared_pool import SharedPool as P; p = P(2); p.urgent.submit(print, 1).result()"
    )

    ended = subprocess.run([sys.executable, "-c", program], timeout=30, check=True, capture_output=True, text=True)

    assert ended.stdout == "1\n"
