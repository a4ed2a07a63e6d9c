"""The processes of functions, which end with the local AWS."""

import threading
from typing import Any

import psutil
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

_ended = threading.Event()


def end_functions() -> None:
    """Ends every function that runs, and begins none any more: later invocations are throttled.

    A request that waits for a function would keep the server from stopping for as long as the function may take, which
    is up to 15 minutes. Queues and streams keep what their functions have not processed.
    """

    def none_is_free(*_: Any, **__: Any) -> tuple[None, str]:
        return None, "func_cap"

    def nothing_found() -> bool:
        return False

    _ended.set()
    # Else each of their batches would be one more try that failed, or the last one.
    lambda_svc._poll_sqs = lambda_svc._poll_kinesis = lambda_svc._poll_dynamodb_streams = nothing_found
    lambda_svc.acquire_worker = none_is_free
    lambda_runtime.reset()


def functions_ended() -> bool:
    """Whether `end_functions` was called."""
    return _ended.is_set()


def end_child_processes() -> None:
    """Ends what this process has started and is still there: a function may have been starting when all ended."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        child.kill()
    psutil.wait_procs(children, timeout=5)
