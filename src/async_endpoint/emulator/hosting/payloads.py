"""Reads the documents of requests from S3: small ones ahead of time, large ones while they are sent."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody
from urllib3.exceptions import HTTPError

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.invocation import SizedStream
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.protocol.locations import S3Location

# Source: the developer guide; a payload has up to 1 GB.
MAXIMUM_PAYLOAD_BYTES = 1 << 30

_IN_MEMORY_BYTES = 4 << 20
_FETCHED_AHEAD = 4  # documents; bounds the memory

logger = logging.getLogger(__name__)


class InputUnavailable(Exception):
    """The request's document cannot be read from S3, or is too large; the message says why."""


@dataclass(frozen=True)
class Payload:
    """A document and its media type; None where neither the request nor its object has one."""

    body: bytes | SizedStream
    content_type: str | None


class _Download:
    """A large document while it is sent; an error of S3 raises InputUnavailable, unlike one of the container.

    Args:
        place: The object.
        body: The rest of S3's response.
        size: The number of bytes.
        seconds: How long S3 took to begin its response.
        on_end: Called once, after the last byte, with the seconds that S3 took; the container's own time is excluded.
    """

    def __init__(
        self, place: S3Location, body: StreamingBody, size: int, seconds: float, on_end: Callable[[float], None]
    ) -> None:
        self.size = size
        self._place = place
        self._body = body
        self._left = size
        self._seconds = seconds
        self._on_end = on_end

    def read(self, amount: int = -1, /) -> bytes:
        began = time.monotonic()
        try:
            block = self._body.read(None if amount < 0 else amount)
        except (BotoCoreError, HTTPError, OSError) as error:
            raise _unavailable(self._place, error) from error
        self._seconds += time.monotonic() - began
        if block:
            self._left -= len(block)
            if not self._left:
                self._on_end(self._seconds)
        return block


@dataclass(frozen=True)
class _Fetched:
    """A payload, and the seconds that S3 took for it; None while unknown, or if the request had the document."""

    payload: Payload
    seconds: float | None = None


class PayloadReader:
    """Reads the documents of one queue; thread-safe.

    A request without ContentType has the type of its object in S3. AWS does not document this, but its own samples and
    its Python SDK's AsyncPredictor set only the object's type, for containers that need one.

    RequestDownloadLatency is counted once for each document that is processed, and never for one that was fetched ahead
    in vain, because its request was taken meanwhile.
    """

    def __init__(self, queue: RequestQueue, clients: AwsClients, metrics: EndpointMetrics) -> None:
        self._queue = queue
        self._clients = clients
        self._metrics = metrics
        # By the request's identity, which each entry keeps alive: a request that is put back is another object.
        self._ahead: OrderedDict[int, tuple[QueuedRequest, _Fetched]] = OrderedDict()
        self._lock = threading.Lock()

    def payload(self, item: QueuedRequest) -> Payload:
        """Returns the document of a request that was taken.

        Raises:
            InputUnavailable: It cannot be read, or is larger than 1 GB.
        """
        with self._lock:
            found = self._ahead.pop(id(item), None)
        fetched = self._fetch(item.request) if found is None else found[1]
        if fetched.seconds is not None:
            self._count(fetched.seconds)
        return fetched.payload

    def fetch_ahead(self) -> None:
        """Reads the document of the next request if it is small; the request stays in the queue.

        Raises nothing: the consumer that takes the request meets the same error.
        """
        item = self._queue.head()
        if item is None or item.request.body is not None:
            return
        with self._lock:
            if id(item) in self._ahead:
                return
        try:
            fetched = self._fetch(item.request, only_small=True)
        except (InputUnavailable, _TooLargeToWait):
            return
        with self._lock:
            self._ahead[id(item)] = item, fetched
            while len(self._ahead) > _FETCHED_AHEAD:
                self._ahead.popitem(last=False)

    def _count(self, seconds: float) -> None:
        self._metrics.count("RequestDownloadLatency", seconds * 1e6)

    def _fetch(self, request: InvocationRequest, *, only_small: bool = False) -> _Fetched:
        if request.body is not None:
            return _Fetched(Payload(request.body, request.content_type))
        place = S3Location.from_uri(request.input_location or "")
        began = time.monotonic()
        try:
            found = self._clients.s3.get_object(Bucket=place.bucket, Key=place.key)
            body, size = found["Body"], found["ContentLength"]
            if size > MAXIMUM_PAYLOAD_BYTES:
                body.close()
                raise InputUnavailable(
                    f"The request at {place.uri} has {size} bytes, more than the {MAXIMUM_PAYLOAD_BYTES} that a "
                    "payload may have."
                )
            content_type = request.content_type or found["ContentType"]
            if size > _IN_MEMORY_BYTES:
                if only_small:
                    body.close()
                    raise _TooLargeToWait
                seconds = time.monotonic() - began
                return _Fetched(Payload(_Download(place, body, size, seconds, self._count), content_type))
            read = body.read()
        except (BotoCoreError, ClientError, HTTPError) as error:
            raise _unavailable(place, error) from error
        return _Fetched(Payload(read, content_type), time.monotonic() - began)


class _TooLargeToWait(Exception):
    """The document is too large to keep in memory while its request waits."""


def _unavailable(place: S3Location, error: Exception) -> InputUnavailable:
    return InputUnavailable(f"Failed to download the request from {place.uri}: {error}")
