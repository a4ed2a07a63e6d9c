"""The invocations of functions and of rules' targets, for the metrics of their regions."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, sns, sqs

from async_endpoint.emulator.server.function_metrics import Invocation
from async_endpoint.emulator.server.ministack.services import FindRegion

_SCHEDULER = "aws.scheduler"

logger = logging.getLogger(__name__)


def measure_functions(find_region: FindRegion) -> None:
    """Has regions measure every invocation of a function.

    ministack measures those of the Invoke API alone, and with the wall clock's time; none of a queue's, a rule's or a
    topic's. Call this before `judge_batch_responses`: a rejected batch response is no error of the function.
    """
    execute = lambda_svc._execute_function

    def execute_measured(function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        config = function.get("config") or function
        if lambda_svc._function_config_scope_mismatch(config):  # it comes back here in the function's own region
            return dict(execute(function, event))
        began = time.monotonic()
        result: dict[str, Any] = execute(function, event)
        invocation = Invocation(
            config.get("FunctionName", ""),
            time.monotonic() - began,
            failed=bool(result.get("error")),
            throttled=bool(result.get("throttle")),
        )
        find_region(get_account_id(), get_region()).functions.record_invocation(invocation)
        return result

    lambda_svc._execute_function = execute_measured
    lambda_svc._emit_lambda_metrics = lambda *_, **__: None


def measure_rules(find_region: FindRegion) -> None:
    """Has regions measure what EventBridge's rules send, and what has no target any more: ministack only logs it.

    The target's policy is not asked: no grant is enforced.
    """
    invoke = eventbridge._invoke_target

    def invoke_measured(
        target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], *view: Any
    ) -> None:
        if event.get("Source") == _SCHEDULER:  # EventBridge Scheduler's: a schedule is no rule
            invoke(target, event, rule, *view)
            return
        arn, name = target.get("Arn", ""), rule.get("Name", "")
        failed = not _exists(arn)
        if failed:
            logger.warning("rule %s cannot invoke its target %s: it does not exist", name, arn)
        find_region(get_account_id(), get_region()).functions.record_target(name, failed=failed)
        invoke(target, event, rule, *view)

    eventbridge._invoke_target = invoke_measured


def _exists(arn: str) -> bool:
    """Whether the target of a rule exists; targets other than functions, queues and topics are taken to."""
    match arn.split(":")[2:3]:
        case ["lambda"]:
            return lambda_svc._get_func_record_for_ref(arn)[0] is not None
        case ["sqs"]:
            return sqs._queue_by_arn(arn) is not None
        case ["sns"]:
            return sns._topic_by_arn_any_scope(arn) is not None
    return True
