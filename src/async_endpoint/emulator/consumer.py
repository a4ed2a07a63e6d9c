"""Takes requests from an endpoint's queue for one instance, as many at once as MaxConcurrentInvocationsPerInstance."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.backends import Backends
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerTimeout
from async_endpoint.emulator.containers.instance import Answer
from async_endpoint.emulator.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.instances import ModelInstance
from async_endpoint.emulator.outcomes import Outcomes
from async_endpoint.emulator.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.locations import S3Location

_POLL_SECONDS = 0.5  # how soon a consumer sees that it was stopped
_HTTP_ERRORS = 400
_HTTP_SERVER_ERRORS = 500

logger = logging.getLogger(__name__)


class InputUnavailable(Exception):  # noqa: N818 - reads as what happened
    """The request's document cannot be read from S3; the message says why."""


class InstanceConsumer:
    """Feeds one container from the queue until it is stopped; a request whose container is lost goes back.

    Args:
        queue: The endpoint's queue.
        container: The instance's container, ready.
        concurrency: Requests handed to it at once, 1-1000.
        backends: Where inputs are read.
        outcomes: Where results go.
        metrics: Where durations go.
    """

    def __init__(  # noqa: PLR0913 - it joins these six
        self,
        queue: RequestQueue,
        container: ModelInstance,
        *,
        concurrency: int,
        backends: Backends,
        outcomes: Outcomes,
        metrics: EndpointMetrics,
    ) -> None:
        self._queue = queue
        self._container = container
        self._backends = backends
        self._outcomes = outcomes
        self._metrics = metrics
        self._stopping = threading.Event()
        self._slots = threading.Semaphore(concurrency)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="invocation")
        threading.Thread(target=self._run, name="consumer", daemon=True).start()

    def stop(self) -> None:
        """Take no further request; what is in flight goes on as long as the container lives."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set() and self._container.alive:
            if not self._slots.acquire(timeout=_POLL_SECONDS):
                continue
            item = self._queue.take(_POLL_SECONDS)
            if item is None:
                self._slots.release()
            elif self._stopping.is_set():
                self._queue.put_back(item)
            else:
                self._pool.submit(self._process, item)
        self._pool.shutdown(wait=False)

    def _process(self, item: QueuedRequest) -> None:
        try:
            self._invoke(item)
        except ContainerDied:
            # As on AWS when an instance is lost: the request was not answered, so another instance takes it.
            self._queue.put_back(item)
        except Exception:
            logger.exception("request %s could not be processed", item.request.inference_id)
            reason = "InternalServerError: The request could not be processed; see the log of the local AWS."
            self._outcomes.failed(item, reason, reason.encode(), "text/plain")
            self._queue.done()
        else:
            self._queue.done()
        finally:
            self._slots.release()

    def _invoke(self, item: QueuedRequest) -> None:
        request = item.request
        try:
            body = request.body if request.body is not None else self._download(request.input_location or "")
        except InputUnavailable as error:
            self._metrics.count("RequestDownloadFailures")
            reason = f"ClientError: {error}"
            self._outcomes.failed(item, reason, reason.encode(), "text/plain")
            return
        began = time.monotonic()
        try:
            answer = self._container.invoke(
                body,
                content_type=request.content_type,
                accept=request.accept,
                custom_attributes=request.custom_attributes,
                inference_id=request.inference_id,
                timeout=request.invocation_timeout_seconds,
            )
        except ContainerTimeout:
            reason = f"ClientError: The model did not answer within {request.invocation_timeout_seconds} seconds."
            self._outcomes.failed(item, reason, reason.encode(), "text/plain", status="Expired")
            return
        self._metrics.measure("ModelLatency", (time.monotonic() - began) * 1e6)
        self._record(item, answer)

    def _record(self, item: QueuedRequest, answer: Answer) -> None:
        if answer.status < _HTTP_ERRORS:
            self._outcomes.completed(item, answer.body, answer.content_type)
            return
        server = answer.status >= _HTTP_SERVER_ERRORS
        self._metrics.count("Invocation5XXErrors" if server else "Invocation4XXErrors")
        # SageMaker does not try again, whatever the model answered.
        reason = (
            f"ClientError: Received {'server' if server else 'client'} error ({answer.status}) from model. "
            "See the SageMaker Endpoint logs in your account for more information."
        )
        self._outcomes.failed(item, reason, answer.body, answer.content_type)

    def _download(self, location: str) -> bytes:
        place = S3Location.parse(location)
        try:
            return self._backends.s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise InputUnavailable(f"Failed to download the request from {place.uri}: {error}") from error
