"""One pool of threads for submissions and for results, in which results go first."""

from __future__ import annotations

import atexit
import threading
from collections import deque
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_TURN = object()

P = ParamSpec("P")
T = TypeVar("T")


class SharedPool:
    """Threads that take urgent calls before all others.

    So many calls to AWS run at once, and no more, whether documents are submitted, results are fetched, or both; and a
    result that is there does not wait behind the documents that are queued for submission.

    A ThreadPoolExecutor has neither two queues nor a call without a future, and a future takes longer to make than a
    small call: hence threads of its own.

    Args:
        threads: How many.
    """

    def __init__(self, threads: int) -> None:
        self._urgent: deque[Callable[[], None]] = deque()
        self._others: deque[Callable[[], None]] = deque()
        # A turn for each call: which one it is, is chosen when the turn comes. Anything else ends a thread.
        self._turns: SimpleQueue[object] = SimpleQueue()
        self._most = threads
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        self._closed = False
        self.urgent: Executor = _Urgent(self)
        # The threads are daemons, so that a stream that nobody closes does not hold up the interpreter's exit for ever.
        atexit.register(self.shutdown)

    def run(self, call: Callable[[], None]) -> None:
        """Queues a call behind all others; it must not raise."""
        self._queue(self._others, call)

    def submit_urgent(self, call: Callable[[], T]) -> Future[T]:
        """Queues a call behind the urgent ones alone."""
        future: Future[T] = Future()
        self._queue(self._urgent, partial(_call, future, call))
        return future

    def shutdown(self) -> None:
        """Waits for the calls in progress, and drops the queued ones: nothing may wait for their futures any more."""
        atexit.unregister(self.shutdown)
        with self._starting:
            self._closed = True
            self._urgent.clear()
            self._others.clear()
        for _ in self._threads:
            self._turns.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():  # a call in progress may end the stream that it is of
                thread.join()

    def _queue(self, queue: deque[Callable[[], None]], call: Callable[[], None]) -> None:
        with self._starting:
            if self._closed:
                raise RuntimeError("The pool is closed.")
            if len(self._threads) < self._most:
                thread = threading.Thread(target=self._take_turns, daemon=True)
                thread.start()
                self._threads.append(thread)
            queue.append(call)
            self._turns.put(_TURN)

    def _take_turns(self) -> None:
        while self._turns.get() is _TURN:
            try:
                call = self._urgent.popleft()
            except IndexError:
                try:
                    call = self._others.popleft()
                except IndexError:  # the pool was closed meanwhile: else there are as many calls as turns
                    return
            call()


def _call(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - the call that asks for the result raises it
        future.set_exception(error)


class _Urgent(Executor):
    """The pool as an executor of urgent calls."""

    def __init__(self, pool: SharedPool) -> None:
        self._pool = pool

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[Any]:
        """Queues an urgent call."""
        return self._pool.submit_urgent(partial(call, *args, **kwargs))
