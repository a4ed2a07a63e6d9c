"""Takes requests from an endpoint's queue for one instance, as many at once as MaxConcurrentInvocationsPerInstance."""

import dataclasses
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.backends import Backends
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerTimeout
from async_endpoint.emulator.containers.instance import Answer
from async_endpoint.emulator.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.fleet import Container
from async_endpoint.emulator.outcomes import Outcomes
from async_endpoint.emulator.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.protocol.locations import S3Location

_POLL_SECONDS = 0.2  # how soon a consumer sees that it was stopped
_MAXIMUM_LOSSES = 3  # instances that one request may break down, before it is the one to blame
_HTTP_ERRORS = 400
_HTTP_SERVER_ERRORS = 500

logger = logging.getLogger(__name__)


class ServingContainer(Container, Protocol):
    """A fleet's container that answers requests; `instances.ModelInstance` is one."""

    @property
    def processes(self) -> tuple[int, float] | None:
        """The root of its processes and the moment of their launch, monotonic; None where there are none."""

    def ping(self) -> bool:
        """Whether its health check passes."""

    def invoke(  # noqa: PLR0913 - the parts of one HTTP request
        self,
        body: bytes,
        *,
        content_type: str | None,
        accept: str | None,
        custom_attributes: str | None,
        inference_id: str | None,
        timeout: float,
    ) -> Answer:
        """Post one request and wait for the answer, up to `timeout` seconds of the wall's clock.

        Raises:
            ContainerTimeout: There was none in time.
            ContainerDied: The container is gone, or broke off before it answered.
        """


class InputUnavailable(Exception):  # noqa: N818 - reads as what happened
    """The request's document cannot be read from S3; the message says why."""


@dataclasses.dataclass(frozen=True)
class _Failure:
    """Why a request has no answer, and what is stored in the answer's stead."""

    reason: str
    body: bytes
    content_type: str | None = "text/plain"
    status: Literal["Failed", "Expired"] = "Failed"

    @classmethod
    def told(cls, reason: str, status: Literal["Failed", "Expired"] = "Failed") -> "_Failure":
        return cls(reason, reason.encode(), status=status)


class InstanceConsumer:
    """Feeds one container from the queue until it is stopped, or until the container is lost.

    Every request that it takes ends in exactly one outcome or goes back: as on AWS when an instance is lost, a request
    that was not answered is another instance's. Three instances that break down under it make it a failure.
    InvocationTimeoutSeconds is counted on the wall's clock, whatever the speed of AWS's: real work takes real time.

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
        container: ServingContainer,
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
        self._lost = threading.Event()
        self._slots = threading.Semaphore(concurrency)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="invocation")
        self._feeder = threading.Thread(target=self._feed, name="consumer", daemon=True)
        self._feeder.start()

    @property
    def lost(self) -> bool:
        """Whether its container broke a request off or failed one, and passes no health check since."""
        return self._lost.is_set()

    def stop(self) -> None:
        """Take no further request; what is in flight goes on as long as the container lives."""
        self._stopping.set()

    def join(self) -> None:
        """Return when every request that it took has its outcome or is back in the queue."""
        self._feeder.join()
        self._pool.shutdown(wait=True)

    def _feed(self) -> None:
        while not self._stopping.is_set() and not self._lost.is_set() and self._container.alive:
            if not self._slots.acquire(timeout=_POLL_SECONDS):
                continue
            item = self._queue.take(_POLL_SECONDS)
            if item is None:
                self._slots.release()
            elif self._stopping.is_set() or self._lost.is_set():
                self._queue.put_back(item)
            else:
                self._pool.submit(self._process, item)
        self._pool.shutdown(wait=False)

    def _process(self, item: QueuedRequest) -> None:
        result: Answer | _Failure | None
        waited = self._metrics.milliseconds_since(item.received_at)
        try:
            result = self._invoke(item)
        except ContainerDied as error:
            result = self._after_loss(item, error)
        except Exception:
            logger.exception("request %s could not be processed", item.request.inference_id)
            result = _Failure.told("InternalServerError: The request could not be processed: see the local AWS's log.")
        try:
            if result is not None:
                self._metrics.count("TimeInBacklog", waited)
                self._record(item, result)
        except Exception:
            logger.exception("the outcome of request %s could not be recorded", item.request.inference_id)
        finally:
            if result is not None:
                self._queue.done()
            self._slots.release()

    def _invoke(self, item: QueuedRequest) -> Answer | _Failure:
        request = item.request
        try:
            body, content_type = self._payload(request)
        except InputUnavailable as error:
            self._metrics.count("RequestDownloadFailures")
            return _Failure.told(f"ClientError: {error}")
        began = time.monotonic()
        try:
            answer = self._container.invoke(
                body,
                content_type=content_type,
                accept=request.accept,
                custom_attributes=request.custom_attributes,
                inference_id=request.inference_id,
                timeout=request.invocation_timeout_seconds,
            )
        except ContainerTimeout:
            if not self._container.ping():
                self._lost.set()
            seconds = request.invocation_timeout_seconds
            return _Failure.told(f"ClientError: The model did not answer within {seconds} seconds.", "Expired")
        self._metrics.count("ModelLatency", (time.monotonic() - began) * 1e6)
        if answer.status >= _HTTP_SERVER_ERRORS and not self._container.ping():
            self._lost.set()  # its workers ended and cannot load the model again: the next requests are another's
        return answer

    def _after_loss(self, item: QueuedRequest, error: ContainerDied) -> _Failure | None:
        """Give a request back whose container went away; None unless it is to blame for that."""
        losses = item.losses
        if not self._stopping.is_set():  # else the instance was taken out, which says nothing of the request
            logger.warning("request %s lost its instance: %s", item.request.inference_id, error)
            losses += 1
            if not self._container.ping():
                self._lost.set()
        if losses >= _MAXIMUM_LOSSES:
            return _Failure.told(f"InternalServerError: {losses} instances broke down while they had the request.")
        self._queue.put_back(dataclasses.replace(item, losses=losses))
        return None

    def _record(self, item: QueuedRequest, result: Answer | _Failure) -> None:
        if isinstance(result, _Failure):
            self._outcomes.failed(item, result.reason, result.body, result.content_type, status=result.status)
        elif result.status < _HTTP_ERRORS:
            self._outcomes.completed(item, result.body, result.content_type)
        else:
            server = result.status >= _HTTP_SERVER_ERRORS
            self._metrics.count("Invocation5XXErrors" if server else "Invocation4XXErrors")
            # SageMaker does not try again, whatever the model answered.
            reason = (
                f"ClientError: Received {'server' if server else 'client'} error ({result.status}) from model. "
                "See the SageMaker Endpoint logs in your account for more information."
            )
            self._outcomes.failed(item, reason, result.body, result.content_type)

    def _payload(self, request: InvocationRequest) -> tuple[bytes, str | None]:
        """The document and its media type.

        A request without ContentType is of the type that its object in S3 has. AWS does not say so, but its own samples
        and its Python SDK's AsyncPredictor set the object's type alone, for containers that insist on one.
        """
        if request.body is not None:
            return request.body, request.content_type
        body, stored_type = self._download(request.input_location or "")
        return body, request.content_type or stored_type

    def _download(self, location: str) -> tuple[bytes, str]:
        place = S3Location.parse(location)
        began = time.monotonic()
        try:
            found = self._backends.s3.get_object(Bucket=place.bucket, Key=place.key)
            body = found["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise InputUnavailable(f"Failed to download the request from {place.uri}: {error}") from error
        self._metrics.count("RequestDownloadLatency", (time.monotonic() - began) * 1e6)
        return body, found["ContentType"]
