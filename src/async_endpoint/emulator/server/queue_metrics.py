"""The depths of SQS queues and the ages of their messages as CloudWatch metrics, of which ministack publishes none.

Source: the SQS developer guide, "Available CloudWatch metrics": namespace AWS/SQS, dimension QueueName, one minute. A
queue has an age only while it holds a message that counts.
"""

import logging
from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.clock import SystemClock
from async_endpoint.cloudwatch.metric_key import MetricKey
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.emulator.clients import AwsClients

# By the name of a queue that holds messages, when its oldest one came there, in epoch seconds of the wall's time.
OldestMessages = Callable[[str, str], Mapping[str, float]]  # account, region

_NAMESPACE = "AWS/SQS"
_AGE = "ApproximateAgeOfOldestMessage"
_METRICS = {
    "ApproximateNumberOfMessages": "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}

logger = logging.getLogger(__name__)


class QueueMetrics:
    """Samples every queue of a region.

    Args:
        clients: The emulated services.
        store: Where the samples go.
        oldest_messages: Returns the moments of the oldest messages, on the wall's clock.
        clock: AWS's clock, on which messages age.
    """

    def __init__(
        self, clients: AwsClients, store: MetricStore, oldest_messages: OldestMessages, clock: SystemClock
    ) -> None:
        self._clients = clients
        self._store = store
        self._oldest_messages = oldest_messages
        self._clock = clock

    def sample(self, at: float) -> None:
        """Records depths and ages at `at`, epoch seconds on AWS's clock; skips a queue deleted meanwhile."""
        for name, moment in self._oldest_messages(self._clients.account, self._clients.region).items():
            self._put(name, _AGE, max(0.0, self._clock.since(moment)), at)
        self._sample_depths(at)

    def _sample_depths(self, at: float) -> None:
        sqs = self._clients.measuring.sqs
        try:
            urls = [url for page in sqs.get_paginator("list_queues").paginate() for url in page.get("QueueUrls", [])]
        except (BotoCoreError, ClientError):
            logger.exception("the queues could not be listed")
            return
        for url in urls:
            try:
                attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            except (BotoCoreError, ClientError):
                continue
            depths = {str(name): value for name, value in attributes.items()}
            for attribute, metric in _METRICS.items():
                self._put(url.rpartition("/")[2], metric, float(depths.get(attribute, 0)), at)

    def _put(self, queue: str, metric: str, value: float, at: float) -> None:
        self._store.put(MetricKey.from_dimensions(_NAMESPACE, metric, {"QueueName": queue}), value, at)
