"""The documents of requests, read from S3: small ones ahead of time and into memory, large ones while they are sent."""

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
from async_endpoint.emulator.containers.model_container import SizedStream
from async_endpoint.emulator.hosting.endpoint_metrics import EndpointMetrics
from async_endpoint.emulator.hosting.request_queue import QueuedRequest, RequestQueue
from async_endpoint.protocol.invocation import InvocationRequest
from async_endpoint.protocol.locations import S3Location

# Of the developer guide: a payload has up to 1 GB.
MAXIMUM_PAYLOAD_BYTES = 1 << 30

_IN_MEMORY_BYTES = 4 << 20
_FETCHED_AHEAD = 4  # documents, so that memory stays bounded whatever is queued

logger = logging.getLogger(__name__)


class InputUnavailable(Exception):
    """The request's document cannot be read from S3, or is too large; the message says why."""


@dataclass(frozen=True)
class Payload:
    """A document and its media type, None where nobody gave one."""

    body: bytes | SizedStream
    content_type: str | None


class _Download:
    """A large document on its way; an error of S3 in the middle of it is told from one of the container.

    Args:
        place: Where it lies.
        body: The rest of S3's answer.
        size: How many bytes it has.
        seconds: What S3 took to begin its answer.
        on_end: Told once, when the last byte has come, how many seconds S3 took: those in which the container took what
            it was sent are not among them.
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
    """A payload, and how many seconds S3 took for it; None where it is not known yet, or S3 had no part in it."""

    payload: Payload
    seconds: float | None = None


class PayloadReader:
    """Reads the documents of one queue; thread-safe.

    A request without ContentType is of the type that its object in S3 has. AWS does not say so, but its own samples
    and its Python SDK's AsyncPredictor set the object's type alone, for containers that insist on one.

    RequestDownloadLatency is counted once for each document that somebody takes: of one that was fetched for nobody, as
    its request was taken meanwhile, never.
    """

    def __init__(self, queue: RequestQueue, clients: AwsClients, metrics: EndpointMetrics) -> None:
        self._queue = queue
        self._backends = clients
        self._metrics = metrics
        # By the identity of the request, which each entry keeps alive: one that is put back is another object.
        self._ahead: OrderedDict[int, tuple[QueuedRequest, _Fetched]] = OrderedDict()
        self._lock = threading.Lock()

    def payload(self, item: QueuedRequest) -> Payload:
        """The document of a request that was taken.

        Raises:
            InputUnavailable: It cannot be read, or has more than 1 GB.
        """
        with self._lock:
            found = self._ahead.pop(id(item), None)
        fetched = self._fetch(item.request) if found is None else found[1]
        if fetched.seconds is not None:
            self._count(fetched.seconds)
        return fetched.payload

    def fetch_ahead(self) -> None:
        """Read the document of the request that is next, if it is small; it stays in the queue, for whoever takes it.

        Nothing is raised: whoever takes the request meets the same trouble again.
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
            found = self._backends.s3.get_object(Bucket=place.bucket, Key=place.key)
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
    """The document is too large to be held in memory while it waits."""


def _unavailable(place: S3Location, error: Exception) -> InputUnavailable:
    return InputUnavailable(f"Failed to download the request from {place.uri}: {error}")
