"""What instances print, in the emulated CloudWatch Logs: group, streams and texts where SageMaker puts them.

Source: the developer guide, "Monitor asynchronous endpoint": group `/aws/sagemaker/Endpoints/NAME`, stream
`VARIANT/INSTANCE` for the container's output, `VARIANT/INSTANCE/data-log` for the trouble that the instance had with
S3 and SNS. Times are the wall's, as in what the container prints.
"""

import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.clients import AwsClients

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef

    from async_endpoint.emulator.hosting.endpoint import HostedEndpoint

# Of the API reference, PutLogEvents: an event counts with 26 bytes more than its text.
_MOST_EVENTS = 10_000
_MOST_BYTES = 1_048_576
_EVENT_BYTES = 26
_LONGEST_LINE = 256 * 1024 - _EVENT_BYTES
_READ_BYTES = 4 << 20  # of one file at once; the rest is read the next time
_TROUBLES_KEPT = 10_000  # until they are written
_WATCHED_SECONDS = 90.0  # after an instance was last seen: it may have requests for 30 s and print while it ends

logger = logging.getLogger(__name__)

Trouble = Callable[[str, str], None]


@dataclass(frozen=True)
class _Stream:
    group: str
    name: str

    @classmethod
    def of(cls, endpoint: str, variant: str, instance: str, *parts: str) -> "_Stream":
        return cls(f"/aws/sagemaker/Endpoints/{endpoint}", "/".join([variant, instance, *parts]))


@dataclass(frozen=True)
class _Event:
    stream: _Stream
    at: int  # milliseconds
    text: str


class DataLog:
    """Takes in what goes wrong between instances and S3 or SNS, until it is written; thread-safe."""

    def __init__(self) -> None:
        self._events: deque[_Event] = deque(maxlen=_TROUBLES_KEPT)

    def of(self, endpoint: str, variant: str) -> Trouble:
        """Where instances of a variant report: called with the instance's id and a sentence."""

        def trouble(instance: str, text: str) -> None:
            self._events.append(_Event(_Stream.of(endpoint, variant, instance, "data-log"), _now(), text))

        return trouble

    def take(self) -> list[_Event]:
        """What was reported since the last time."""
        taken = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._events.popleft())
        return taken


class _Tail:
    """Reads what a file has gained."""

    def __init__(self, stream: _Stream, path: Path) -> None:
        self.stream = stream
        self.seen_at = time.monotonic()
        self._path = path
        self._file = -1  # its number: another file of that name is read from its beginning
        self._offset = 0

    def lines(self, *, to_the_end: bool) -> Iterator[str]:
        """The whole lines since the last time, and what follows the last of them if there will be no more."""
        try:
            with self._path.open("rb") as file:
                self._turn_to(os.fstat(file.fileno()).st_ino)
                file.seek(self._offset)
                read = file.read(_READ_BYTES)
        except OSError:  # it is not there yet, or no more
            return
        whole = read[: read.rfind(b"\n") + 1]
        if to_the_end or (not whole and len(read) == _READ_BYTES):
            whole = read
        self._offset += len(whole)
        for line in whole.splitlines():
            for start in range(0, len(line), _LONGEST_LINE):
                yield line[start : start + _LONGEST_LINE].decode("utf-8", "replace")

    def _turn_to(self, number: int) -> None:
        if number != self._file:
            self._file, self._offset = number, 0


class InstanceLogs:
    """Writes what the instances of a region print into its CloudWatch Logs; used by one thread."""

    def __init__(self, clients: AwsClients, data_log: DataLog) -> None:
        self._backends = clients
        self._data_log = data_log
        self._tails: dict[str, _Tail] = {}
        self._streams: set[_Stream] = set()

    def write(self, endpoints: Iterable["HostedEndpoint"]) -> None:
        """Write what there is; the endpoints are all of the region. What cannot be written is logged, and lost."""
        self._watch(endpoints)
        events = [*self._printed(), *self._data_log.take()]
        events.sort(key=lambda event: (event.stream.group, event.stream.name))
        for stream, of_stream in groupby(events, key=lambda event: event.stream):
            try:
                for batch in _batches(of_stream):
                    self._put(stream, batch)
            except (BotoCoreError, ClientError) as error:
                logger.warning("could not write to the log %s of %s: %s", stream.name, stream.group, error)

    def _watch(self, endpoints: Iterable["HostedEndpoint"]) -> None:
        for endpoint in endpoints:
            for deployment in endpoint.deployments:
                for member in deployment.fleet.members:
                    instance, path = member.container.instance_id, member.container.log
                    if path is None:
                        continue
                    stream = _Stream.of(endpoint.name, deployment.variant["VariantName"], instance)
                    self._tails.setdefault(instance, _Tail(stream, path)).seen_at = time.monotonic()

    def _printed(self) -> Iterator[_Event]:
        for instance, tail in list(self._tails.items()):
            gone = time.monotonic() - tail.seen_at > _WATCHED_SECONDS
            for line in tail.lines(to_the_end=gone):
                if line:  # CloudWatch takes no empty text
                    yield _Event(tail.stream, _now(), line)
            if gone:
                del self._tails[instance]

    def _put(self, stream: _Stream, batch: "list[InputLogEventTypeDef]") -> None:
        logs = self._backends.logs
        if stream not in self._streams:
            self._make(stream)
        try:
            logs.put_log_events(logGroupName=stream.group, logStreamName=stream.name, logEvents=batch)
        except logs.exceptions.ResourceNotFoundException:  # somebody has deleted it
            self._make(stream)
            logs.put_log_events(logGroupName=stream.group, logStreamName=stream.name, logEvents=batch)

    def _make(self, stream: _Stream) -> None:
        """Have a stream; its group stays as the template made it, one made here never expires, as SageMaker's."""
        logs = self._backends.logs
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=stream.group)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
        self._streams.add(stream)


def _batches(events: Iterable[_Event]) -> Iterator[list["InputLogEventTypeDef"]]:
    batch: list[InputLogEventTypeDef] = []
    size = 0
    for event in events:
        bytes_more = len(event.text.encode()) + _EVENT_BYTES
        if batch and (len(batch) == _MOST_EVENTS or size + bytes_more > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append({"timestamp": event.at, "message": event.text})
        size += bytes_more
    if batch:
        yield batch


def _now() -> int:
    return round(time.time() * 1000)
