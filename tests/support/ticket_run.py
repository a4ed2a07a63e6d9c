"""A run of three documents with a ticket, on an endpoint in memory that may lose its responses."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from async_endpoint.client import (
    AsyncEndpoint,
    InMemoryTransport,
    RunOptions,
    UnknownSubmission,
    new_ticket,
    resume_run,
)
from async_endpoint.protocol import S3Location

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.client import Acceptance, Ticket
    from async_endpoint.protocol import InvocationRequest
    from tests.support.endpoint_fixtures import Clock


def size_of(_: InvocationRequest, document: bytes) -> bytes:
    return json.dumps(len(document)).encode()


class BreaksOff(InMemoryTransport):
    """Loses the response of some submissions, by the size of the document.

    `taken` of those are processed all the same.
    """

    def __init__(self, *, lost: set[int], taken: bool, **settings: Any) -> None:
        super().__init__(size_of, **settings)
        self.lost, self.taken = lost, taken

    def submit(self, request: InvocationRequest) -> Acceptance:
        size = len(self.get(S3Location.from_uri(request.input_location or "")).body)
        if size not in self.lost:
            return super().submit(request)
        self.lost.discard(size)
        if self.taken:
            super().submit(request)
        raise UnknownSubmission("The connection broke off.")


class Run:
    """Three documents of one, two and three bytes, and a ticket."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        self.output, self.ticket = folder.parent / "out", folder.parent / "ticket.sqlite"
        self.said: list[str] = []
        folder.mkdir()
        for size in (1, 2, 3):
            (folder / f"{size}.png").write_bytes(b"x" * size)

    def endpoint(self, transport: InMemoryTransport) -> AsyncEndpoint:
        return AsyncEndpoint(
            "receipts",
            input_location="s3://inputs/in/",
            transport=transport,
            concurrency=1,
            clock=self.clock,
            sleep=self._sleep,
        )

    def _sleep(self, seconds: float) -> None:
        time.sleep(0.002)  # the submitting threads work meanwhile
        self.clock.sleep(seconds)

    def begin(self, transport: InMemoryTransport) -> Ticket:
        documents = sorted(self.folder.iterdir())
        return new_ticket(
            self.folder, documents, self.endpoint(transport), self.output, run="R", path=self.ticket, ttl=600
        )

    def go_on(self, ticket: Ticket, transport: InMemoryTransport, **options: Any) -> dict[str, tuple[str, Any]]:
        try:
            resume_run(ticket, self.endpoint(transport), self.output, RunOptions(notify=self.said.append, **options))
        finally:
            ticket.close()
        return self.lines()

    def lines(self) -> dict[str, tuple[str, Any]]:
        lines = [json.loads(line) for line in self.output.read_text().splitlines()]
        assert len({line["file"] for line in lines}) == len(lines)
        return {line["file"]: (line["state"], line["answer"]) for line in lines}
