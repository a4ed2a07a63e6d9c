"""Messages between a worker and its drawing process: two lengths, an object in JSON, and raw bytes.

No pickle: what a document does to the drawing process must not reach the worker as code. The worker says how long a
message may be before it receives one.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any, Callable, Mapping

_LENGTHS = struct.Struct("!QQ")
# The drawing process ends with this status where Python ran out of memory.
OUT_OF_MEMORY = 77
_WAITING_SECONDS = 0.01


class ConnectionBrokenError(Exception):
    """The other process has ended, or sent what is not a message."""


class OutOfTimeError(Exception):
    """The deadline has passed."""


class Connection:
    """One end of a pair of connected sockets.

    Args:
        end: The socket.
        while_waiting: Called a hundred times a second while this waits for a message.
    """

    def __init__(self, end: socket.socket, while_waiting: Callable[[], None] | None = None) -> None:
        self._end = end
        self._while_waiting = while_waiting

    def send(self, message: Mapping[str, Any], data: bytes = b"", deadline: float | None = None) -> None:
        """Sends a message.

        Args:
            message: What JSON can hold.
            data: Bytes after it.
            deadline: On the monotonic clock; None waits for ever.

        Raises:
            ConnectionBrokenError: The other process has ended.
            OutOfTimeError: The other process did not take it in time.
        """
        text = json.dumps(message).encode("ascii")
        try:
            self._wait_until(deadline)
            self._end.sendall(_LENGTHS.pack(len(text), len(data)) + text)
            if data:
                self._wait_until(deadline)
                self._end.sendall(data)
        except OSError as error:
            raise _meaning(error) from None

    def receive(
        self, most_text: int | None = None, most_data: int | None = None, deadline: float | None = None
    ) -> tuple[dict[str, Any], bytearray]:
        """Returns the next message and its bytes.

        Args:
            most_text: The longest JSON that is accepted, in bytes; None accepts any.
            most_data: The same for the bytes after it.
            deadline: On the monotonic clock; None waits for ever.

        Raises:
            ConnectionBrokenError: The other process has ended, or sent something else.
            OutOfTimeError: Nothing, or not all of it, came in time.
        """
        text_length, data_length = _LENGTHS.unpack(self._read(_LENGTHS.size, deadline))
        if text_length > (text_length if most_text is None else most_text):
            raise ConnectionBrokenError
        if data_length > (data_length if most_data is None else most_data):
            raise ConnectionBrokenError
        try:
            message = json.loads(self._read(text_length, deadline).decode("ascii"))
        except (ValueError, RecursionError):
            raise ConnectionBrokenError from None
        if not isinstance(message, dict):
            raise ConnectionBrokenError
        return message, self._read(data_length, deadline)

    def _read(self, length: int, deadline: float | None) -> bytearray:
        block = bytearray(length)
        rest = memoryview(block)
        while rest:
            try:
                self._wait_until(deadline, self._while_waiting and _WAITING_SECONDS)
                received = self._end.recv_into(rest)
            except socket.timeout:
                # Until the deadline: past it, _wait_until raises.
                if self._while_waiting:
                    self._while_waiting()
                continue
            except OSError as error:
                raise _meaning(error) from None
            if not received:
                raise ConnectionBrokenError
            rest = rest[received:]
        return block

    def _wait_until(self, deadline: float | None, longest: float | None = None) -> None:
        """Sets how long the next call on the socket may wait: until the deadline, but no longer than `longest`."""
        seconds = None if deadline is None else deadline - time.monotonic()
        if seconds is not None and seconds <= 0:
            raise OutOfTimeError
        self._end.settimeout(min((each for each in (seconds, longest) if each is not None), default=None))


def _meaning(error: OSError) -> Exception:
    return OutOfTimeError() if isinstance(error, socket.timeout) else ConnectionBrokenError()
