"""Runs a function over many items in threads, a few ahead of the consumer."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Output = TypeVar("Output")


def bounded_map(function: Callable[[Item], Output], items: Iterable[Item], workers: int) -> Iterator[Output]:
    """Yields `function(item)` for each item, in order, with `workers` calls at once.

    Unlike `Executor.map` this does not take all items at the start: at most twice `workers` are in progress or waiting
    to be yielded. When a call raises, or the consumer stops, pending calls are dropped and calls in progress finish.
    """
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Output]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) >= 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
