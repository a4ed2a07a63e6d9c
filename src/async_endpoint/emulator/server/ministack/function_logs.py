"""The line in a function's log that reports the error that ended it, as Lambda's Python runtime writes it.

Source: `log_error` in `awslambdaric/bootstrap.py` of aws/aws-lambda-python-runtime-interface-client, for logs in text
format: `[ERROR] TYPE: MESSAGE`, then the traceback; also of an error that keeps the function from starting.
"""

from typing import Any

from ministack.services import lambda_svc

_INIT_FAILED = "Worker init failed: "
_TRACEBACK = "Traceback (most recent call last):"


def log_function_errors() -> None:
    """Has errors of functions written to their logs.

    ministack writes a traceback without that line, and nothing when a function cannot start.
    """
    execute = lambda_svc._execute_function_warm

    def execute_logged(func: dict[str, Any], event: dict[str, Any], request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        return {**result, "log": _with_error(result)} if result.get("error") else result

    lambda_svc._execute_function_warm = execute_logged


def _with_error(result: dict[str, Any]) -> str:
    """Returns the log of a failed invocation, with the runtime's line before the traceback."""
    log: str = result.get("log", "")
    message = str(result["body"].get("errorMessage", ""))
    if message.startswith(_INIT_FAILED):  # ministack drops the error's type
        return f"{log}\n[ERROR] Exception: {message.removeprefix(_INIT_FAILED)}".lstrip()
    before, found, traceback = log.rpartition(_TRACEBACK)
    if not found:  # a timeout, of which ministack writes Lambda's own line, or a worker that died
        return log
    raised = next((line for line in traceback.splitlines() if line[:1].strip()), message)
    return f"{before}[ERROR] {raised}\n{found}{traceback}"
