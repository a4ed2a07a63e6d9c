"""Writes the instances' output into the emulated CloudWatch Logs, under the groups and streams that SageMaker uses.

Source of the names: see `data_log`.
"""

import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.hosting.data_log import DataLog, LogEvent, LogStream
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef

# Limits of PutLogEvents, from its API reference: an event counts with 26 bytes more than its text.
_MOST_EVENTS = 10_000
_MOST_BYTES = 1_048_576
_EVENT_BYTES = 26
_LONGEST_LINE = 256 * 1024 - _EVENT_BYTES
_READ_BYTES = 4 << 20  # of one file at once; the rest is read the next time
_WATCHED_SECONDS = 90.0  # after an instance was last seen: it may drain for 30 s, and print while it ends

logger = logging.getLogger(__name__)


class _Tail:
    """Reads what was appended to a file."""

    def __init__(self, stream: LogStream, path: Path) -> None:
        self.stream = stream
        self.seen_at = time.monotonic()
        self._path = path
        self._file = -1  # the inode: another file of that name is read from its start
        self._offset = 0

    def lines(self, *, to_the_end: bool) -> Iterator[str]:
        """Yields the whole lines since the last call; with `to_the_end` also a last line without a line break."""
        try:
            with self._path.open("rb") as file:
                self._rewind_if_replaced(os.fstat(file.fileno()).st_ino)
                file.seek(self._offset)
                read = file.read(_READ_BYTES)
        except OSError:  # it does not exist yet, or no more
            return
        whole = read[: read.rfind(b"\n") + 1]
        if to_the_end or (not whole and len(read) == _READ_BYTES):
            whole = read
        self._offset += len(whole)
        for line in whole.splitlines():
            for start in range(0, len(line), _LONGEST_LINE):
                yield line[start : start + _LONGEST_LINE].decode("utf-8", "replace")

    def _rewind_if_replaced(self, inode: int) -> None:
        if inode != self._file:
            self._file, self._offset = inode, 0


class InstanceLogs:
    """Writes the output of a region's instances into its CloudWatch Logs; used by one thread."""

    def __init__(self, clients: AwsClients, data_log: DataLog) -> None:
        self._clients = clients
        self._data_log = data_log
        self._tails: dict[str, _Tail] = {}
        self._streams: set[LogStream] = set()

    def write(self, endpoints: Iterable[HostedEndpoint]) -> None:
        """Writes what is new; `endpoints` are all of the region. What cannot be written is logged, and lost."""
        self._watch(endpoints)
        events = [*self._printed(), *self._data_log.take()]
        events.sort(key=lambda event: (event.stream.group, event.stream.name))
        for stream, of_stream in groupby(events, key=lambda event: event.stream):
            try:
                for batch in _batches(of_stream):
                    self._put(stream, batch)
            except (BotoCoreError, ClientError) as error:
                logger.warning("could not write to the log %s of %s: %s", stream.name, stream.group, error)

    def _watch(self, endpoints: Iterable[HostedEndpoint]) -> None:
        for endpoint in endpoints:
            for deployment in endpoint.deployments:
                for instance in (member.instance for member in deployment.fleet.members):
                    if instance.log is not None:
                        instance_id = instance.instance_id
                        stream = LogStream.from_instance(endpoint.name, deployment.variant_name, instance_id)
                        tail = self._tails.setdefault(instance_id, _Tail(stream, instance.log))
                        tail.seen_at = time.monotonic()

    def _printed(self) -> Iterator[LogEvent]:
        for instance, tail in list(self._tails.items()):
            gone = time.monotonic() - tail.seen_at > _WATCHED_SECONDS
            for line in tail.lines(to_the_end=gone):
                if line:  # CloudWatch rejects an empty text
                    yield LogEvent.from_text(tail.stream, line)
            if gone:
                del self._tails[instance]

    def _put(self, stream: LogStream, batch: "list[InputLogEventTypeDef]") -> None:
        logs = self._clients.logs
        if stream not in self._streams:
            self._create(stream)
        try:
            logs.put_log_events(logGroupName=stream.group, logStreamName=stream.name, logEvents=batch)
        except logs.exceptions.ResourceNotFoundException:  # a client has deleted it
            self._create(stream)
            logs.put_log_events(logGroupName=stream.group, logStreamName=stream.name, logEvents=batch)

    def _create(self, stream: LogStream) -> None:
        """Creates a stream, and its group unless a template did; like SageMaker's, a group made here never expires."""
        logs = self._clients.logs
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=stream.group)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
        self._streams.add(stream)


def _batches(events: Iterable[LogEvent]) -> Iterator[list["InputLogEventTypeDef"]]:
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
