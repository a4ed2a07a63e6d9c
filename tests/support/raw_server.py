"""A server that sends bytes as they are, for responses that break off."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class RawServer(socketserver.ThreadingTCPServer):
    """Sends one response to each request and ends the connection.

    Attributes:
        response: What it sends; to the first `cut` requests only, if that is set.
        whole: What it sends to later requests.
        requests: How many it had.
    """

    daemon_threads = True
    response = b""
    whole = b""
    cut: int | None = None
    requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        length = 0
        while (line := self.rfile.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        self.server.requests += 1
        is_cut = self.server.cut is None or self.server.requests <= self.server.cut
        self.wfile.write(self.server.response if is_cut else self.server.whole)


@contextmanager
def raw_server() -> Iterator[RawServer]:
    """Serves in its context, on the loopback."""
    with RawServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
