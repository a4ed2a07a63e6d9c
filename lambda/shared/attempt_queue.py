"""The intake queue, for functions that ask for another attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

    from async_endpoint.protocol import AttemptRequest


class AttemptQueue:
    """Sends requests for attempts to the intake queue.

    Args:
        sqs: The client for the queue.
        url: The queue's URL.
    """

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def request(self, request: AttemptRequest, delay_seconds: int) -> None:
        """Sends a request, to be delivered after the delay."""
        self._sqs.send_message(QueueUrl=self._url, MessageBody=request.to_message(), DelaySeconds=delay_seconds)
