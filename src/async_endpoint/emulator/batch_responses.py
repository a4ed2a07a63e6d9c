"""What Lambda makes of a function's response to a batch of an SQS queue, with ReportBatchItemFailures.

Rules: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html, "Success and failure conditions".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

_FAILURES = "batchItemFailures"
_IDENTIFIER = "itemIdentifier"


@dataclass(frozen=True)
class BatchResponse:
    """Which messages of a batch return to their queue, and what is wrong with the response itself.

    Attributes:
        failed: The ids of the messages that failed.
        fault: Why the whole batch failed; None for a response in AWS's form.
    """

    failed: frozenset[str] = frozenset()
    fault: str | None = None


def read_batch_response(response: Any, message_ids: Collection[str]) -> BatchResponse:
    """Returns what a function's response means for the messages of its batch.

    A response without failures is a success: null, an empty object, no list, null for the list, or an empty list. A
    list with an identifier that is missing, empty, null or not one of the batch's fails the whole batch.

    Args:
        response: The response, decoded; a text stands for one that is not JSON, too.
        message_ids: The ids of the messages that the function got.
    """
    fault = _fault(response, message_ids)
    if fault is not None:
        return BatchResponse(frozenset(message_ids), fault)
    failures = (response or {}).get(_FAILURES) or []
    return BatchResponse(frozenset(each[_IDENTIFIER] for each in failures))


def _fault(response: Any, message_ids: Collection[str]) -> str | None:
    if response is None or response == "":
        return None
    if not isinstance(response, dict):
        return f"the response is not a JSON object but {_short(response)}"
    failures = response.get(_FAILURES)
    if failures is not None and not isinstance(failures, list):
        return f"{_FAILURES} is not a list but {_short(failures)}"
    return next((fault for each in failures or () if (fault := _fault_of_item(each, message_ids))), None)


def _fault_of_item(item: Any, message_ids: Collection[str]) -> str | None:
    if not isinstance(item, dict) or _IDENTIFIER not in item:
        return f"{_short(item)} in {_FAILURES} has no {_IDENTIFIER}"
    identifier = item[_IDENTIFIER]
    if not isinstance(identifier, str) or identifier not in message_ids:
        return f"the {_IDENTIFIER} {_short(identifier)} is not the id of a message of the batch"
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - of a line of a log
