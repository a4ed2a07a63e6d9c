"""The processes of functions, which end with the local AWS."""

from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc


def end_functions() -> None:
    """Ends every process of a function: its invocation fails, and every later one is throttled.

    A request that waits for a function would keep the server from stopping for as long as the function may take, which
    is up to 15 minutes; and a function would outlive the server.
    """

    def none_is_free(*_: Any, **__: Any) -> tuple[None, str]:
        return None, "func_cap"

    lambda_svc.acquire_worker = none_is_free
    lambda_runtime.reset()
