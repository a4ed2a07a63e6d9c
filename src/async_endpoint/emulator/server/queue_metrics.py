"""The depths of SQS queues as CloudWatch metrics: alarms on dead-letter queues need them, and ministack publishes none.

Source: the SQS developer guide, "Available CloudWatch metrics": namespace AWS/SQS, dimension QueueName, one minute.
"""

import logging

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cloudwatch.metric_key import MetricKey
from async_endpoint.cloudwatch.metrics import MetricStore
from async_endpoint.emulator.clients import AwsClients

_NAMESPACE = "AWS/SQS"
_METRICS = {
    "ApproximateNumberOfMessages": "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}

logger = logging.getLogger(__name__)


class QueueMetrics:
    """Samples every queue of a region."""

    def __init__(self, clients: AwsClients, store: MetricStore) -> None:
        self._clients = clients
        self._store = store

    def sample(self, at: float) -> None:
        """Records each queue's depths at `at`, epoch seconds on AWS's clock; skips a queue deleted meanwhile."""
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
            dimensions = {"QueueName": url.rpartition("/")[2]}
            for attribute, metric in _METRICS.items():
                self._store.put(
                    MetricKey.from_dimensions(_NAMESPACE, metric, dimensions), float(depths.get(attribute, 0)), at
                )
