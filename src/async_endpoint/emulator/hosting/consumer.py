"""Takes requests from an endpoint's queue for one instance, up to MaxConcurrentInvocationsPerInstance at once."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Literal

from async_endpoint.emulator.containers.errors import ContainerDied, ContainerTimeout
from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.instance import Instance
from async_endpoint.emulator.hosting.payloads import InputUnavailable, PayloadReader
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.emulator.hosting.results import NO_INSTANCE, ProcessedBy, ResultWriter

_POLL_SECONDS = 0.2  # how soon a consumer notices that it was stopped
_MAXIMUM_LOSSES = 3  # instances that one request may lose before it fails
_KILLED_AFTER_SECONDS = 0.02  # so that the fault hits a container that has begun to work
# SageMaker calls /ping all the time, also while the container is busy, and restarts one that does not return 200 within
# 2 s. How often it calls, and how many failures it tolerates, is not published.
_PING_SECONDS = 5.0
_FAILED_PINGS = 3
_RECHECK_SECONDS = 0.2  # between the health checks of a container that has just failed a request

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class _Failure:
    """Why a request has no result, and what is stored instead of one."""

    reason: str
    body: bytes
    content_type: str | None = "text/plain"
    status: Literal["Failed", "Expired"] = "Failed"

    @classmethod
    def from_reason(cls, reason: str, status: Literal["Failed", "Expired"] = "Failed") -> "_Failure":
        return cls(reason, reason.encode(), status=status)


class InstanceConsumer:
    """Feeds one instance from the queue until it is stopped, or until the instance is lost.

    Every request that it takes gets exactly one outcome or goes back to the queue: as on AWS, another instance
    processes a request whose instance was lost. After three lost instances the request itself fails.
    InvocationTimeoutSeconds counts on the wall's clock, whatever the speed of AWS's: real work takes real time.

    The container never waits for S3 or SNS: while it processes one request, the document of the next is fetched and
    the result of the one before is written. The next request stays in the queue until the instance is free for it.

    Args:
        queue: The endpoint's queue.
        instance: The instance, whose model is ready.
        concurrency: The most requests that it processes at once, 1-1000.
        payloads: Reads documents; shared by all consumers of the deployment.
        results: Writes results.
        metrics: Where durations go.
        kills: Called at each request; returns whether to kill the container while it processes the request.
        ping_seconds: Pause between two health checks.
    """

    def __init__(
        self,
        queue: RequestQueue,
        instance: Instance,
        *,
        concurrency: int,
        payloads: PayloadReader,
        results: ResultWriter,
        metrics: EndpointMetrics,
        kills: Callable[[], bool] = lambda: False,
        ping_seconds: float = _PING_SECONDS,
    ) -> None:
        self._queue = queue
        self._instance = instance
        self._payloads = payloads
        self._results = results
        self._metrics = metrics
        self._kills = kills
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._slots = threading.Semaphore(concurrency)  # in the container
        self._held = threading.Semaphore(2 * concurrency)  # in the container, or with a result to write
        self._pool = ThreadPoolExecutor(2 * concurrency, thread_name_prefix="invocation")
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="input")
        self._feeder = threading.Thread(target=self._feed, name="consumer", daemon=True)
        self._feeder.start()
        threading.Thread(target=self._watch, args=(ping_seconds,), name="health", daemon=True).start()

    @property
    def lost(self) -> bool:
        """Whether its container fails its health checks, which run every few seconds and after a failed request."""
        return self._lost.is_set()

    def stop(self) -> None:
        """Takes no more requests; those in flight continue as long as the container lives."""
        self._stopping.set()
        self._queue.wake()

    def join(self) -> None:
        """Returns when every request that it took has its outcome or is back in the queue."""
        self._feeder.join()
        self._pool.shutdown(wait=True)
        self._ahead.shutdown(wait=True)

    def _feed(self) -> None:
        while not self._stopping.is_set() and not self._lost.is_set() and self._instance.alive:
            if not self._slots.acquire(timeout=_POLL_SECONDS):
                continue
            if not self._held.acquire(timeout=_POLL_SECONDS):
                self._slots.release()
                continue
            item = self._queue.take(_POLL_SECONDS)
            if item is not None and not self._stopping.is_set() and not self._lost.is_set():
                self._pool.submit(self._process, item)
                self._ahead.submit(self._payloads.fetch_ahead)
                continue
            if item is not None:
                self._queue.put_back(item)
            self._held.release()
            self._slots.release()
        self._pool.shutdown(wait=False)
        self._ahead.shutdown(wait=False)

    def _watch(self, every: float) -> None:
        failed = 0
        while not self._stopping.wait(every) and not self._lost.is_set() and self._instance.alive:
            failed = 0 if self._instance.ping() else failed + 1
            if failed == _FAILED_PINGS:
                logger.warning("instance %s did not answer %d health checks", self._instance.instance_id, failed)
                self._lost.set()

    def _is_down(self) -> bool:
        """Returns whether a container that has just failed a request also fails every health check."""
        for _ in range(_FAILED_PINGS):
            if self._instance.ping():
                return False
            if not self._instance.alive:
                return True
            time.sleep(_RECHECK_SECONDS)
        return True

    def _process(self, item: QueuedRequest) -> None:
        result: ContainerResponse | _Failure | None
        waited = self._metrics.milliseconds_since(item.received_at)
        began = time.monotonic()
        try:
            result = self._invoke(item)
        except ContainerDied as error:
            result = self._after_loss(item, error)
        except Exception:
            logger.exception("request %s could not be processed", item.request.inference_id)
            result = _Failure.from_reason(
                "InternalServerError: The request could not be processed: see the local AWS's log."
            )
        finally:
            self._slots.release()
        processed_by = ProcessedBy(self._instance.instance_id, time.monotonic() - began)
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

    def _invoke(self, item: QueuedRequest) -> ContainerResponse | _Failure:
        request = item.request
        try:
            payload = self._payloads.payload(item)
            invocation = Invocation(
                payload.body,
                timeout=request.invocation_timeout_seconds,
                content_type=payload.content_type,
                accept=request.accept,
                custom_attributes=request.custom_attributes,
                inference_id=request.inference_id,
            )
            if self._kills():
                threading.Timer(_KILLED_AFTER_SECONDS, self._instance.kill).start()
            began = time.monotonic()
            response = self._instance.invoke(invocation)
        except InputUnavailable as error:
            self._metrics.count("RequestDownloadFailures")
            self._results.data_trouble(ProcessedBy(self._instance.instance_id), str(error))
            return _Failure.from_reason(f"ClientError: {error}")
        except ContainerTimeout:
            if self._is_down():
                self._lost.set()
            seconds = request.invocation_timeout_seconds
            return _Failure.from_reason(f"ClientError: The model did not answer within {seconds} seconds.", "Expired")
        self._metrics.count("ModelLatency", (time.monotonic() - began) * 1e6)
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR and self._is_down():
            self._lost.set()  # its workers died and cannot reload the model: other instances get the next requests
        return response

    def _after_loss(self, item: QueuedRequest, error: ContainerDied) -> _Failure | None:
        """Returns a lost request to the queue; returns its failure if it has lost too many instances."""
        losses = item.losses
        # Otherwise a healthy instance was taken out, for which the request is not to blame.
        if self._lost.is_set() or not self._stopping.is_set():
            logger.warning("request %s lost its instance: %s", item.request.inference_id, error)
            losses += 1
            if self._is_down():
                self._lost.set()
        if losses >= _MAXIMUM_LOSSES:
            return _Failure.from_reason(
                f"InternalServerError: {losses} instances broke down while they had the request."
            )
        self._queue.put_back(dataclasses.replace(item, losses=losses))
        return None

    def _record(
        self, item: QueuedRequest, result: ContainerResponse | _Failure, processed_by: ProcessedBy = NO_INSTANCE
    ) -> None:
        if isinstance(result, _Failure):
            self._results.failed(
                item, result.reason, result.body, result.content_type, status=result.status, processed_by=processed_by
            )
        elif result.status < HTTPStatus.BAD_REQUEST:
            self._results.completed(item, result.body, result.content_type, processed_by=processed_by)
        else:
            server = result.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            self._metrics.count("Invocation5XXErrors" if server else "Invocation4XXErrors")
            # SageMaker does not retry, whatever the model returned.
            reason = (
                f"ClientError: Received {'server' if server else 'client'} error ({result.status}) from model. "
                "See the SageMaker Endpoint logs in your account for more information."
            )
            self._results.failed(item, reason, result.body, result.content_type, processed_by=processed_by)
