"""Event source mappings of SQS queues, whose functions report the failures of a batch as on AWS."""

import logging
import threading
from typing import Any

from ministack.services import lambda_svc

from async_endpoint.emulator.batch_responses import read_batch_response

_REPORTED = "ReportBatchItemFailures"

logger = logging.getLogger(__name__)


def judge_batch_responses() -> None:
    """Lets a response that AWS does not accept fail its whole batch.

    ministack passes over identifiers that are empty, unknown or misnamed, and deletes the messages. It still deletes
    and keeps the messages here; it gets a response in AWS's form in the place of the function's own.
    """
    run_batch, execute = lambda_svc._run_sqs_batch, lambda_svc._execute_function
    running = threading.local()  # a batch runs on a thread of its own, and calls its function there

    def run_judged(mapping: dict[str, Any], *arguments: Any) -> None:
        running.mapping = mapping if _REPORTED in (mapping.get("FunctionResponseTypes") or ()) else None
        try:
            run_batch(mapping, *arguments)
        finally:
            running.mapping = None

    def execute_judged(function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        mapping = getattr(running, "mapping", None)
        running.mapping = None  # what the function calls is not the batch's
        result: dict[str, Any] = execute(function, event)
        if mapping is None or result.get("error"):
            return result
        judged = read_batch_response(result.get("body"), {record["messageId"] for record in event["Records"]})
        if judged.fault is not None:
            name = mapping.get("FunctionName", "")
            logger.warning("The whole batch of function %s failed: %s.", name, judged.fault)
        failures = [{"itemIdentifier": each} for each in sorted(judged.failed)]
        return {**result, "body": {"batchItemFailures": failures}}

    lambda_svc._run_sqs_batch = run_judged
    lambda_svc._execute_function = execute_judged
