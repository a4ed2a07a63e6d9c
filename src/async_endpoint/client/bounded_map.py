"""Run a function over many items in threads, a few ahead of the consumer."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def bounded_map(function: Callable[[Item], Outcome], items: Iterable[Item], workers: int) -> Iterator[Outcome]:
    """Yield `function(item)` for each item, in order, with `workers` calls at once.

    Unlike `Executor.map` it does not take all items at its start: at most twice `workers` are under way or waiting
    to be yielded. When a call raises, or the consumer leaves, calls that have not begun are dropped and those under
    way are waited for.
    """
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Outcome]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) >= 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
