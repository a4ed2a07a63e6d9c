"""One pool of threads for submissions and for results, in which results go first."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class SharedPool:
    """Threads that take urgent calls before all others.

    So many calls to AWS run at once, and no more, whether documents are submitted, results are fetched, or both; and a
    result that is there does not wait behind the documents that are queued for submission.

    Args:
        threads: How many.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._urgent: deque[Callable[[], None]] = deque()
        self._others: deque[Callable[[], None]] = deque()
        self.urgent: Executor = _Urgent(self)

    def submit(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queues a call behind all others."""
        return self._queue(self._others, lambda: call(*args, **kwargs))

    def submit_urgent(self, call: Callable[[], T]) -> Future[T]:
        """Queues a call behind the urgent ones alone."""
        return self._queue(self._urgent, call)

    def shutdown(self) -> None:
        """Waits for the calls in progress, and drops the queued ones: nothing may wait for their futures any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _queue(self, queue: deque[Callable[[], None]], call: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - the call that asks for the result raises it
                future.set_exception(error)

        queue.append(work)
        # A turn for each call: which one it is, is chosen when the turn comes.
        self._pool.submit(self._take_turn)
        return future

    def _take_turn(self) -> None:
        try:
            work = self._urgent.popleft()
        except IndexError:
            work = self._others.popleft()
        work()


class _Urgent(Executor):
    """The pool as an executor of urgent calls."""

    def __init__(self, pool: SharedPool) -> None:
        self._pool = pool

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[Any]:
        """Queues an urgent call."""
        return self._pool.submit_urgent(lambda: call(*args, **kwargs))
