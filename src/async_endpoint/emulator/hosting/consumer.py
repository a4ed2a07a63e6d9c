"""Takes requests from an endpoint's queue for one instance, as many at once as MaxConcurrentInvocationsPerInstance."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Protocol

from async_endpoint.emulator.containers.errors import ContainerDied, ContainerTimeout
from async_endpoint.emulator.containers.model_container import Answer, SizedStream
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.fleet import Container
from async_endpoint.emulator.hosting.payloads import InputUnavailable, PayloadReader
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.emulator.hosting.results import NO_INSTANCE, ProcessedBy, ResultWriter

_POLL_SECONDS = 0.2  # how soon a consumer sees that it was stopped
_MAXIMUM_LOSSES = 3  # instances that one request may break down, before it is the one to blame
_KILLED_AFTER_SECONDS = 0.02  # so that a fault strikes a container that has begun to work
# SageMaker asks /ping all the time, of a busy container too, and restarts one that does not answer 200 within 2 s. How
# often it asks, and how often it must get no answer, is not published.
_PING_SECONDS = 5.0
_FAILED_PINGS = 3
_DOUBT_SECONDS = 0.2  # between the health checks of a container that has just failed a request
_HTTP_ERRORS = 400
_HTTP_SERVER_ERRORS = 500

logger = logging.getLogger(__name__)


class ServingContainer(Container, Protocol):
    """A fleet's container that answers requests; `instances.EmulatedInstance` is one."""

    @property
    def instance_id(self) -> str:
        """Tells it from every other instance that ever was."""

    @property
    def invocations(self) -> int:
        """How many requests it works on."""

    @property
    def log(self) -> Path | None:
        """The file with everything that its container prints, which may not be there yet; None where it prints none."""

    @property
    def processes(self) -> tuple[int, float] | None:
        """The root of its processes and the moment of their launch, monotonic; None where there are none."""

    def kill(self) -> None:
        """End it at once, as a machine that is lost."""

    def ping(self) -> bool:
        """Whether its health check passes."""

    def invoke(
        self,
        body: bytes | SizedStream,
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

    The container never waits for S3 or SNS: while it works on one request, the document of the next is fetched, and
    the answer of the one before is written. A request is no other instance's loss by that: the next one stays in the
    queue until there is a place for it.

    Args:
        queue: The endpoint's queue.
        container: The instance's container, ready.
        concurrency: Requests handed to it at once, 1-1000.
        inputs: Where documents are read; shared by all consumers of the queue.
        results: Where results go.
        metrics: Where durations go.
        kills: Asked at each request whether the container is to be killed while it works on it.
        ping_seconds: Pause between two health checks.
    """

    def __init__(
        self,
        queue: RequestQueue,
        container: ServingContainer,
        *,
        concurrency: int,
        inputs: PayloadReader,
        results: ResultWriter,
        metrics: EndpointMetrics,
        kills: Callable[[], bool] = lambda: False,
        ping_seconds: float = _PING_SECONDS,
    ) -> None:
        self._queue = queue
        self._container = container
        self._inputs = inputs
        self._results = results
        self._metrics = metrics
        self._kills = kills
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._slots = threading.Semaphore(concurrency)
        self._held = threading.Semaphore(2 * concurrency)  # with the container, or answered and not yet recorded
        self._pool = ThreadPoolExecutor(2 * concurrency, thread_name_prefix="invocation")
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="input")
        self._feeder = threading.Thread(target=self._feed, name="consumer", daemon=True)
        self._feeder.start()
        threading.Thread(target=self._watch, args=(ping_seconds,), name="health", daemon=True).start()

    @property
    def lost(self) -> bool:
        """Whether its container passes no health check any more: asked every few seconds, and when a request failed."""
        return self._lost.is_set()

    def stop(self) -> None:
        """Take no further request; what is in flight goes on as long as the container lives."""
        self._stopping.set()

    def join(self) -> None:
        """Return when every request that it took has its outcome or is back in the queue."""
        self._feeder.join()
        self._pool.shutdown(wait=True)
        self._ahead.shutdown(wait=True)

    def _feed(self) -> None:
        while not self._stopping.is_set() and not self._lost.is_set() and self._container.alive:
            if not self._slots.acquire(timeout=_POLL_SECONDS):
                continue
            if not self._held.acquire(timeout=_POLL_SECONDS):
                self._slots.release()
                continue
            item = self._queue.take(_POLL_SECONDS)
            if item is not None and not self._stopping.is_set() and not self._lost.is_set():
                self._pool.submit(self._process, item)
                self._ahead.submit(self._inputs.fetch_ahead)
                continue
            if item is not None:
                self._queue.put_back(item)
            self._held.release()
            self._slots.release()
        self._pool.shutdown(wait=False)
        self._ahead.shutdown(wait=False)

    def _watch(self, every: float) -> None:
        failed = 0
        while not self._stopping.wait(every) and not self._lost.is_set() and self._container.alive:
            failed = 0 if self._container.ping() else failed + 1
            if failed == _FAILED_PINGS:
                logger.warning("instance %s did not answer %d health checks", self._container.instance_id, failed)
                self._lost.set()

    def _is_down(self) -> bool:
        """Whether a container that has just failed a request passes no health check; a busy one may miss one."""
        for _ in range(_FAILED_PINGS):
            if self._container.ping():
                return False
            if not self._container.alive:
                return True
            time.sleep(_DOUBT_SECONDS)
        return True

    def _process(self, item: QueuedRequest) -> None:
        result: Answer | _Failure | None
        waited = self._metrics.milliseconds_since(item.received_at)
        began = time.monotonic()
        try:
            result = self._invoke(item)
        except ContainerDied as error:
            result = self._after_loss(item, error)
        except Exception:
            logger.exception("request %s could not be processed", item.request.inference_id)
            result = _Failure.told("InternalServerError: The request could not be processed: see the local AWS's log.")
        finally:
            self._slots.release()
        processed_by = ProcessedBy(self._container.instance_id, time.monotonic() - began)
        try:
            if result is not None:
                self._metrics.count("TimeInBacklog", waited)
                self._record(item, result, processed_by)
        except Exception:
            logger.exception("the outcome of request %s could not be recorded", item.request.inference_id)
        finally:
            if result is not None:
                self._queue.done()
            self._held.release()

    def _invoke(self, item: QueuedRequest) -> Answer | _Failure:
        request = item.request
        try:
            payload = self._inputs.payload(item)
            if self._kills():
                threading.Timer(_KILLED_AFTER_SECONDS, self._container.kill).start()
            began = time.monotonic()
            answer = self._container.invoke(
                payload.body,
                content_type=payload.content_type,
                accept=request.accept,
                custom_attributes=request.custom_attributes,
                inference_id=request.inference_id,
                timeout=request.invocation_timeout_seconds,
            )
        except InputUnavailable as error:
            self._metrics.count("RequestDownloadFailures")
            self._results.data_trouble(ProcessedBy(self._container.instance_id), str(error))
            return _Failure.told(f"ClientError: {error}")
        except ContainerTimeout:
            if self._is_down():
                self._lost.set()
            seconds = request.invocation_timeout_seconds
            return _Failure.told(f"ClientError: The model did not answer within {seconds} seconds.", "Expired")
        self._metrics.count("ModelLatency", (time.monotonic() - began) * 1e6)
        if answer.status >= _HTTP_SERVER_ERRORS and self._is_down():
            self._lost.set()  # its workers ended and cannot load the model again: the next requests are another's
        return answer

    def _after_loss(self, item: QueuedRequest, error: ContainerDied) -> _Failure | None:
        """Give a request back whose container went away; None unless it is to blame for that."""
        losses = item.losses
        # Else the instance was taken out while it was well, which says nothing of the request.
        if self._lost.is_set() or not self._stopping.is_set():
            logger.warning("request %s lost its instance: %s", item.request.inference_id, error)
            losses += 1
            if self._is_down():
                self._lost.set()
        if losses >= _MAXIMUM_LOSSES:
            return _Failure.told(f"InternalServerError: {losses} instances broke down while they had the request.")
        self._queue.put_back(dataclasses.replace(item, losses=losses))
        return None

    def _record(self, item: QueuedRequest, result: Answer | _Failure, processed_by: ProcessedBy = NO_INSTANCE) -> None:
        if isinstance(result, _Failure):
            self._results.failed(
                item, result.reason, result.body, result.content_type, status=result.status, processed_by=processed_by
            )
        elif result.status < _HTTP_ERRORS:
            self._results.completed(item, result.body, result.content_type, processed_by=processed_by)
        else:
            server = result.status >= _HTTP_SERVER_ERRORS
            self._metrics.count("Invocation5XXErrors" if server else "Invocation4XXErrors")
            # SageMaker does not try again, whatever the model answered.
            reason = (
                f"ClientError: Received {'server' if server else 'client'} error ({result.status}) from model. "
                "See the SageMaker Endpoint logs in your account for more information."
            )
            self._results.failed(item, reason, result.body, result.content_type, processed_by=processed_by)
