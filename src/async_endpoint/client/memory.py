"""A transport in memory, for tests and for trying the client without AWS."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from async_endpoint.client.errors import InvalidDocument, StorageError
from async_endpoint.client.transport import Acceptance, ListingPage, Payload, StoredObject
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.protocol import InvocationRequest


class ModelError(Exception):
    """Raised by the model of an `InMemoryTransport` to fail a request; its text becomes the failure object."""


class InMemoryTransport:
    """S3 and an endpoint in a dictionary.

    Args:
        model: Returns the result for a request and its document, or raises `ModelError`.
        seconds: How long a request takes until its result appears; infinity means forever.
        clock: Seconds on the clock of the services; share it with the client to control the time.
        outputs: Prefix of the results.
        failures: Prefix of the failures; None for an endpoint without S3FailurePath.
        page_size: Keys on one page of a listing.

    Attributes:
        calls: How often each of the five calls was made, by name.
        requests: The submitted requests, in order.
    """

    def __init__(
        self,
        model: Callable[[InvocationRequest, bytes], bytes],
        *,
        seconds: Callable[[InvocationRequest], float] = lambda _: 0.0,
        clock: Callable[[], float] = time.time,
        outputs: str = "s3://memory/output/",
        failures: str | None = "s3://memory/failure/",
        page_size: int = 1000,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self.requests: list[InvocationRequest] = []
        self._model = model
        self._seconds = seconds
        self._clock = clock
        self._outputs = S3Location.from_prefix_uri(outputs)
        self._failures = S3Location.from_prefix_uri(failures) if failures else None
        self._page_size = page_size
        self._objects: dict[S3Location, tuple[float, Payload]] = {}
        self._lock = Lock()

    @property
    def region(self) -> str:
        """The region that `https://` locations name."""
        return "us-east-1"

    def put(self, location: S3Location, body: bytes, content_type: str = "text/plain", delay: float = 0.0) -> None:
        """Stores an object that appears `delay` seconds from now."""
        with self._lock:
            self._objects[location] = (self._clock() + delay, Payload(body, content_type))

    def upload(self, source: Path | bytes, target: S3Location, content_type: str) -> None:
        """Stores a document."""
        self._count("upload")
        try:
            body = source.read_bytes() if isinstance(source, Path) else source
        except OSError as error:
            raise InvalidDocument(f"{source!s} cannot be read: {error.strerror}.") from error
        self.put(target, body, content_type)

    def submit(self, request: InvocationRequest) -> Acceptance:
        """Accepts a request; the result appears after `seconds`."""
        self._count("submit")
        with self._lock:
            self.requests.append(request)
        name, extension = str(uuid.uuid4()), request.s3_output_path_extension
        stem = (request.filename or name).partition(".")[0]
        outputs = self._outputs.child(extension) if extension else self._outputs
        acceptance = Acceptance(
            inference_id=request.inference_id or name,
            output_location=outputs.child(request.filename or f"{name}.out"),
            failure_location=self._failures.child(f"{stem}-error.out") if self._failures else None,
            accepted_at=self._stamp(self._clock()),
        )
        try:
            output = self._model(request, self._document(request))
        except ModelError as error:
            if acceptance.failure_location:
                self.put(acceptance.failure_location, str(error).encode(), delay=self._seconds(request))
        else:
            self.put(acceptance.output_location, output, "application/json", self._seconds(request))
        return acceptance

    def list_page(self, prefix: S3Location, start_after: str) -> ListingPage:
        """Returns one page of the objects that have appeared."""
        self._count("list_page")
        now = self._clock()
        with self._lock:
            appeared = sorted(
                (location.key, appears)
                for location, (appears, _) in self._objects.items()
                if location.bucket == prefix.bucket and location.key.startswith(prefix.key) and appears <= now
            )
        later = [StoredObject(key, self._stamp(appears)) for key, appears in appeared if key > start_after]
        return ListingPage(tuple(later[: self._page_size]), len(later) > self._page_size, self._stamp(now))

    def get(self, location: S3Location) -> Payload:
        """Returns an object that has appeared."""
        self._count("get")
        return self._read(location)

    def delete(self, location: S3Location) -> None:
        """Deletes an object."""
        self._count("delete")
        with self._lock:
            self._objects.pop(location, None)

    def _document(self, request: InvocationRequest) -> bytes:
        if request.input_location is None:
            return request.body or b""
        try:
            return self._read(S3Location.from_uri(request.input_location)).body
        except StorageError as error:
            raise ModelError(str(error)) from error

    def _read(self, location: S3Location) -> Payload:
        appears, payload = self._objects.get(location, (float("inf"), Payload(b"", None)))
        if appears > self._clock():
            raise StorageError(f"There is no object {location}.")
        return payload

    def _count(self, call: str) -> None:
        with self._lock:
            self.calls[call] += 1

    @staticmethod
    def _stamp(seconds: float) -> datetime:
        return datetime.fromtimestamp(int(seconds), UTC)
