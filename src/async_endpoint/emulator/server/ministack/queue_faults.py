"""The faults of SQS on the ways inside the local AWS: deliveries to queues, and the polls of event source mappings.

Sources: the SNS developer guide, "Message delivery retries", and the EventBridge user guide, "Retry policy": both
deliver again for a day and longer; the Lambda developer guide, "Using Lambda with Amazon SQS": a message that could not
be deleted is processed again after its visibility timeout.
"""

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.services import eventbridge, s3, sns, sqs

from async_endpoint.emulator.faults.faults import Faults

_RETRY_SECONDS = 1.0  # of the wall's clock

logger = logging.getLogger(__name__)


def apply_queue_faults(faults: Faults) -> None:
    """Lets errors and throttles of `sqs` strike calls that services inside the local AWS make to it.

    SendMessage strikes deliveries of SNS, EventBridge and S3, which are tried again; ReceiveMessage strikes the poll of
    a mapping whose queue has messages; DeleteMessage and DeleteMessageBatch leave a processed batch in its queue.
    """
    receive, delete = sqs._receive_messages_for_esm, sqs._delete_messages_for_esm

    def receive_or_fail(url: str, count: int) -> list[dict[str, Any]]:
        now = time.time()
        has_messages = any(message["visible_at"] <= now for message in list(sqs._get_q(url)["messages"]))
        if has_messages and faults.response_instead("sqs", "ReceiveMessage"):
            return []
        return list(receive(url, count))

    def delete_or_fail(url: str, handles: set[str]) -> None:
        if handles and faults.response_instead("sqs", "DeleteMessage", "DeleteMessageBatch"):
            logger.warning("%d processed messages stay in %s: a fault of sqs struck their deletion", len(handles), url)
            return
        delete(url, handles)

    sqs._receive_messages_for_esm = receive_or_fail
    sqs._delete_messages_for_esm = delete_or_fail
    sns._deliver_to_sqs = _retried(sns._deliver_to_sqs, faults)
    eventbridge._dispatch_to_sqs = _retried(eventbridge._dispatch_to_sqs, faults)
    s3._deliver_event_to_sqs = _retried(s3._deliver_event_to_sqs, faults)


def _retried(deliver: Callable[..., None], faults: Faults) -> Callable[..., None]:
    """Returns a delivery that is tried again later while a fault strikes it."""

    def deliver_or_retry(*arguments: Any, **members: Any) -> None:
        if not faults.response_instead("sqs", "SendMessage"):
            deliver(*arguments, **members)
            return
        context = contextvars.copy_context()  # with the account and the region
        again = threading.Timer(_RETRY_SECONDS, context.run, (deliver_or_retry, *arguments), members)
        again.daemon = True
        again.start()

    return deliver_or_retry
