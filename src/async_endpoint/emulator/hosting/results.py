"""Writes the outcome of a request: the object in S3, the notification in SNS and the count in CloudWatch."""

import json
import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.hosting.context import HostingContext
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.history import Document
from async_endpoint.emulator.hosting.output_config import OutputConfig
from async_endpoint.emulator.hosting.request_queue import QueuedRequest
from async_endpoint.protocol.locations import LocationError, S3Location
from async_endpoint.protocol.notifications import build_failure, build_success, test_notification

_MAXIMUM_INCLUDED_BYTES = 128 * 1024

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProcessedBy:
    """Which instance processed a request, and for how many seconds of the wall's clock; None if none did."""

    instance: str | None = None
    seconds: float | None = None


NO_INSTANCE = ProcessedBy()


class ResultWriter:
    """Writes the outcomes of one variant's requests; `completed` and `failed` each end exactly one request.

    Neither raises when S3 or SNS reject a call: the failure is logged and counted. Times in notifications are the
    wall's, as all times of a job.
    """

    def __init__(
        self, endpoint_name: str, variant_name: str, context: HostingContext, metrics: EndpointMetrics
    ) -> None:
        self._endpoint_name = endpoint_name
        self._context = context
        self._clients = context.clients
        self._metrics = metrics
        self._report_trouble = context.data_log.reporter(endpoint_name, variant_name)
        self._late: list[threading.Timer] = []  # notifications that a fault delays
        self._late_lock = threading.Lock()

    def completed(
        self, item: QueuedRequest, body: bytes, content_type: str | None, *, processed_by: ProcessedBy = NO_INSTANCE
    ) -> None:
        """Writes the result to the output location, then notifies the success topic."""
        if item.output.output_path is not None and not self._upload(
            item.output_location, body, content_type, processed_by
        ):
            reason = f"ClientError: Failed to upload the inference response to {item.output_location}."
            self.failed(item, reason, reason.encode(), "text/plain", processed_by=processed_by)
            return
        included = "SUCCESS_NOTIFICATION_TOPIC" in item.output.included or item.output.output_path is None
        message = build_success(
            inference_id=item.request.inference_id or "",
            endpoint_name=self._endpoint_name,
            output_location=item.output_location,
            region=self._clients.region,
            received_time=datetime.fromtimestamp(item.received_at_wall, UTC),
            event_time=datetime.now(UTC),
            input_location=item.request.input_location,
            content_type=item.request.content_type,
            accept=item.request.accept,
            custom_attributes=item.request.custom_attributes,
            response_content_type=content_type,
            response_body=body if included and len(body) <= _MAXIMUM_INCLUDED_BYTES else None,
        )
        self._publish(item.output.success_topic, message, processed_by)
        self._end(item, "InvocationsProcessed")
        self._remember(item, "Completed", body, content_type, processed_by)

    def failed(
        self,
        item: QueuedRequest,
        reason: str,
        body: bytes,
        content_type: str | None,
        *,
        status: Literal["Failed", "Expired"] = "Failed",
        processed_by: ProcessedBy = NO_INSTANCE,
    ) -> None:
        """Writes the body to the failure location, then notifies the error topic of the reason."""
        if item.failure_location is not None:
            self._upload(item.failure_location, body, content_type, processed_by)
        included = "ERROR_NOTIFICATION_TOPIC" in item.output.included and len(body) <= _MAXIMUM_INCLUDED_BYTES
        message = build_failure(
            inference_id=item.request.inference_id or "",
            endpoint_name=self._endpoint_name,
            failure_reason=reason,
            region=self._clients.region,
            received_time=datetime.fromtimestamp(item.received_at_wall, UTC),
            event_time=datetime.now(UTC),
            input_location=item.request.input_location,
            failure_location=item.failure_location,
            failure_location_in=self._context.assumptions.failure_location,
            response_body=body if included else None,
            status=status,
        )
        self._publish(item.output.error_topic, message, processed_by)
        self._end(item, "ExpiredRequests" if status == "Expired" else "InvocationFailures")
        self._remember(item, status, body, content_type, processed_by)

    def test_topics(self, output: OutputConfig) -> None:
        """Sends the test message that follows every create, update and change of capacity."""
        for topic in (output.success_topic, output.error_topic):
            if topic is not None:
                self._send(topic, test_notification(), NO_INSTANCE)

    def wait(self) -> None:
        """Returns when the notifications that a fault delays are sent."""
        with self._late_lock:
            late = list(self._late)
        for timer in late:
            timer.join()

    def _end(self, item: QueuedRequest, metric: str) -> None:
        self._metrics.count(metric)
        self._metrics.count("TotalProcessingTime", self._metrics.milliseconds_since(item.received_at))

    def _remember(
        self, item: QueuedRequest, status: str, body: bytes, content_type: str | None, processed_by: ProcessedBy
    ) -> None:
        document = Document(
            inference_id=item.request.inference_id or "",
            endpoint=self._endpoint_name,
            instance=processed_by.instance,
            status=status,
            seconds=processed_by.seconds,
            input_location=item.request.input_location,
            output_location=item.output_location if status == "Completed" else None,
            failure_location=None if status == "Completed" else item.failure_location,
            result=body,
            content_type=content_type,
            at=self._context.clock.now(),
        )
        self._context.history.add(document)

    def data_trouble(self, processed_by: ProcessedBy, text: str) -> None:
        """Reports trouble with S3 or SNS to the instance's data-log, if an instance had it."""
        if processed_by.instance is not None:
            self._report_trouble(processed_by.instance, text)

    def _upload(self, location: str, body: bytes, content_type: str | None, processed_by: ProcessedBy) -> bool:
        began = time.monotonic()
        try:
            place = S3Location.from_uri(location)
            self._clients.s3.put_object(
                Bucket=place.bucket, Key=place.key, Body=body, ContentType=content_type or "application/octet-stream"
            )
        except (BotoCoreError, ClientError, LocationError) as error:
            logger.warning("could not write %s: %s", location, error)
            self.data_trouble(processed_by, f"Failed to upload to {location}: {error}")
            self._metrics.count("ResponseUploadFailures")
            return False
        self._metrics.count("ResponseUploadLatency", (time.monotonic() - began) * 1e6)
        return True

    def _publish(self, topic: str | None, message: dict[str, Any], processed_by: ProcessedBy) -> None:
        if topic is None:
            return
        for delay in self._context.faults.deliveries(self._endpoint_name):
            if delay:
                late = threading.Timer(delay, self._send, (topic, message, processed_by))
                late.start()
                with self._late_lock:
                    self._late = [*(timer for timer in self._late if timer.is_alive()), late]
            else:
                self._send(topic, message, processed_by)

    def _send(self, topic: str, message: dict[str, Any], processed_by: ProcessedBy) -> None:
        try:
            self._clients.sns.publish(TopicArn=topic, Message=json.dumps(message))
        except (BotoCoreError, ClientError) as error:
            logger.warning("could not notify %s: %s", topic, error)
            self.data_trouble(processed_by, f"Failed to publish to {topic}: {error}")
            self._metrics.count("NotificationFailures")
