"""Trouble of instances with S3 and SNS, until it is written into CloudWatch Logs.

Source: the developer guide, "Monitor asynchronous endpoint": group `/aws/sagemaker/Endpoints/NAME`, stream
`VARIANT/INSTANCE` for the container's output, `VARIANT/INSTANCE/data-log` for trouble with S3 and SNS.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_EVENTS_KEPT = 10_000  # until they are written

ReportTrouble = Callable[[str, str], None]


@dataclass(frozen=True)
class LogStream:
    """A stream of CloudWatch Logs, by the names of its group and its own."""

    group: str
    name: str

    @classmethod
    def from_instance(cls, endpoint: str, variant: str, instance_id: str, *parts: str) -> "LogStream":
        """Returns the stream of an instance, or one below it."""
        return cls(f"/aws/sagemaker/Endpoints/{endpoint}", "/".join([variant, instance_id, *parts]))


@dataclass(frozen=True)
class LogEvent:
    """One line of a stream.

    Attributes:
        stream: The stream.
        text: The line.
        at: Milliseconds since the epoch, on the wall's clock as in what containers print.
    """

    stream: LogStream
    text: str
    at: int

    @classmethod
    def from_text(cls, stream: LogStream, text: str) -> "LogEvent":
        """Returns an event of now."""
        return cls(stream, text, round(time.time() * 1000))


class DataLog:
    """Collects trouble between instances and S3 or SNS until it is written; thread-safe."""

    def __init__(self) -> None:
        self._events: deque[LogEvent] = deque(maxlen=_EVENTS_KEPT)

    def reporter(self, endpoint: str, variant: str) -> ReportTrouble:
        """Returns a function through which instances of a variant report: it takes the instance's id and a sentence."""

        def report(instance_id: str, text: str) -> None:
            stream = LogStream.from_instance(endpoint, variant, instance_id, "data-log")
            self._events.append(LogEvent.from_text(stream, text))

        return report

    def take(self) -> list[LogEvent]:
        """Returns what was reported since the last call."""
        taken = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._events.popleft())
        return taken
