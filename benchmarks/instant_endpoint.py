"""An endpoint whose model is instant, and its S3, over HTTP on the loopback: for measuring clients.

`python -m benchmarks.instant_endpoint LATENCY MODEL_SECONDS` prints its URL and serves until stdin is closed. Every
call takes LATENCY seconds, as a round trip to AWS does. MODEL_SECONDS after a request is accepted its result is in S3;
a negative number writes none, ever. Calls are counted by kind: `POST /-/calls` returns the counts and begins anew.

A result says which document it is of, and when it was written: on CLOCK_MONOTONIC, which all processes of a machine
share, so that a client on the same machine knows how long ago that was.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from async_endpoint.protocol import InvocationError, InvocationRequest, S3Location
from benchmarks.invocations import Invocations, Response

INPUTS, OUTPUTS = "inputs", "outputs"
"""The bucket of documents, and that of results and failures."""

_PAGE = 1000  # keys of a listing, as S3 has
_HEAD_END = b"\r\n\r\n"
_CALLS_PATH = "/-/calls"  # no bucket has such a name


class Request(NamedTuple):
    """A request over HTTP; the names of its headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class _Stored(NamedTuple):
    body: bytes
    content_type: str
    written_at: datetime


class InstantEndpoint(Invocations):
    """The state of the server, and its responses.

    Args:
        latency: Seconds of every call.
        model_seconds: From the acceptance of a request to its result; None never writes one.

    Attributes:
        calls: How often each kind of call was made.
    """

    def __init__(self, *, latency: float, model_seconds: float | None) -> None:
        super().__init__(f"s3://{OUTPUTS}/results", f"s3://{OUTPUTS}/failures")
        self.latency = latency
        self.calls: Counter[str] = Counter()
        self._model_seconds = model_seconds
        self._buckets: dict[str, dict[str, _Stored]] = {}
        self._sorted: dict[str, list[str]] = {}

    def respond(self, request: Request) -> Response:
        """Does what a request asks for, and counts it."""
        url = urlsplit(request.target)
        bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
        if url.path == _CALLS_PATH:
            counts, self.calls = self.calls, Counter()
            return Response(HTTPStatus.OK, json.dumps(counts).encode())
        if request.method == "POST" and bucket == "endpoints":
            self.calls["InvokeEndpointAsync"] += 1
            return self.invoke(key.partition("/")[0], request.headers, request.body)
        if not bucket:
            self.calls["ListBuckets"] += 1
            return _buckets()
        if not key:
            if request.method == "GET":
                self.calls["ListObjectsV2"] += 1
                return self._list(bucket, {name: values[0] for name, values in parse_qs(url.query).items()})
            self.calls["HeadBucket" if request.method == "HEAD" else "other"] += 1
            return Response(HTTPStatus.OK if request.method == "HEAD" else HTTPStatus.NOT_IMPLEMENTED)
        return self._object(bucket, key, request)

    def _object(self, bucket: str, key: str, request: Request) -> Response:
        kind = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject"}.get(request.method, "other")
        self.calls[kind] += 1
        if kind == "PutObject":
            self._put(bucket, key, request.body, request.headers.get("content-type", "binary/octet-stream"))
            return Response(HTTPStatus.OK, headers=(("ETag", '"etag"'),))
        if kind == "other":
            return Response(HTTPStatus.NOT_IMPLEMENTED)
        found = self._buckets.get(bucket, {}).get(key)
        if found is None:
            error = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
            return Response(HTTPStatus.NOT_FOUND, error)
        modified = formatdate(found.written_at.timestamp(), usegmt=True)
        return Response(
            HTTPStatus.OK,
            found.body,
            (("Content-Type", found.content_type), ("Last-Modified", modified), ("ETag", '"etag"')),
        )

    def _put(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        objects = self._buckets.setdefault(bucket, {})
        if key not in objects:
            insort(self._sorted.setdefault(bucket, []), key)
        objects[key] = _Stored(body, content_type, datetime.now(UTC))

    def _list(self, bucket: str, query: dict[str, str]) -> Response:
        """Lists the keys that begin with the prefix and sort after the given one, in order."""
        keys, prefix, after = self._sorted.get(bucket, []), query.get("prefix", ""), query.get("start-after", "")
        begin = max(bisect_left(keys, prefix), bisect_right(keys, after))
        page = []
        for key in keys[begin : begin + _PAGE + 1]:
            if not key.startswith(prefix):
                break
            page.append(key)
        entries = "".join(self._entry(bucket, key) for key in page[:_PAGE])
        is_truncated = str(len(page) > _PAGE).lower()
        return Response(
            HTTPStatus.OK,
            f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{bucket}</Name>'
            f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page[:_PAGE])}</KeyCount><MaxKeys>{_PAGE}</MaxKeys>"
            f"<IsTruncated>{is_truncated}</IsTruncated>{entries}</ListBucketResult>".encode(),
            (("Content-Type", "application/xml"),),
        )

    def _entry(self, bucket: str, key: str) -> str:
        stored = self._buckets[bucket][key]
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>{stored.written_at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f'<ETag>"etag"</ETag><Size>{len(stored.body)}</Size><StorageClass>STANDARD</StorageClass></Contents>'
        )

    def write_outcome(self, request: InvocationRequest) -> tuple[str, str]:
        """Writes the result after the model's seconds."""
        document = request.body or b""
        if request.input_location:
            place = S3Location.from_uri(request.input_location)
            stored = self._buckets.get(place.bucket, {}).get(place.key)
            if stored is None:
                raise InvocationError(f"{place} does not exist.")  # SageMaker would notice later, and write a failure
            document = stored.body
        output, failure = self.locations(request)
        place, size = S3Location.from_uri(output), len(document)

        def write() -> None:
            result = {"bytes": size, "written_at": time.monotonic()}
            self._put(place.bucket, place.key, json.dumps(result).encode(), "application/json")

        if self._model_seconds == 0:
            write()
        elif self._model_seconds is not None:
            asyncio.get_running_loop().call_later(self._model_seconds, write)
        return output, failure


def _buckets() -> Response:
    entries = "".join(
        f"<Bucket><Name>{name}</Name><CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket>"
        for name in (INPUTS, OUTPUTS)
    )
    return Response(
        HTTPStatus.OK,
        f"<ListAllMyBucketsResult><Buckets>{entries}</Buckets></ListAllMyBucketsResult>".encode(),
        (("Content-Type", "application/xml"),),
    )


class _Connection(asyncio.Protocol):
    """One connection: HTTP/1.1 as boto3 speaks it, one request at a time."""

    def __init__(self, endpoint: InstantEndpoint) -> None:
        self._endpoint = endpoint
        self._received = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._head is None and _HEAD_END in self._received:
            head, _, rest = bytes(self._received).partition(_HEAD_END)
            self._received = bytearray(rest)
            self._head = _parsed(head)
            if "expect" in self._head[2]:  # botocore asks before it sends the body of an upload
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._head is None:
            return
        length = int(self._head[2].get("content-length", 0))
        if len(self._received) >= length:
            request = Request(*self._head, bytes(self._received[:length]))
            self._received, self._head = self._received[length:], None
            seconds = self._endpoint.latency
            asyncio.get_running_loop().call_later(seconds, self._respond, request)

    def _respond(self, request: Request) -> None:
        response = self._endpoint.respond(request)
        headers = (
            ("Date", formatdate(usegmt=True)), ("Content-Length", str(len(response.body))), *response.headers,
        )  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        head = f"HTTP/1.1 {response.status.value} {response.status.phrase}\r\n{lines}\r\n".encode()
        self._write(head if request.method == "HEAD" else head + response.body)

    def _write(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)


def _parsed(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Returns the method, the target and the headers of a request."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    named = (line.split(":", 1) for line in lines)
    return method, target, {name.strip().lower(): value.strip() for name, value in named}


async def _serve(endpoint: InstantEndpoint) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(endpoint), "127.0.0.1", 0)
    async with server:
        sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await loop.run_in_executor(None, sys.stdin.read)  # until the process that started it closes the pipe, or ends


if __name__ == "__main__":
    latency, model_seconds = float(sys.argv[1]), float(sys.argv[2])
    asyncio.run(_serve(InstantEndpoint(latency=latency, model_seconds=None if model_seconds < 0 else model_seconds)))
