"""What stands before ministack: the local AWS's own pages and switches, and the faults of other services.

Paths below `/_local/` are this project's. They answer programs and browsers of this machine alone: the Host must be a
loopback name, so that no page of the web can reach them under a name of its own, and whoever changes something must
say `application/json`, which a form of another page cannot.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from async_endpoint.emulator.clients import MEASURING
from async_endpoint.emulator.faults.faults import Faults
from async_endpoint.emulator.local_routes import PREFIX, Answer, Route

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_SIGNED_FOR = re.compile(rb"Credential=[^/]+/[^/]+/[^/]+/([a-z0-9-]+)/aws4_request")
_SIGNED_BEFORE = re.compile(rb"(?:^|&)AWSAccessKeyId=")
# A bucket's own host, as ministack reads it: BUCKET.localhost, BUCKET.s3.localhost, BUCKET.s3.REGION.amazonaws.com.
_BUCKET_HOST = re.compile(
    rb"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\.(?:(?:.+\.)?localhost|s3(?:express)?[.-].+)(?::\d+)?", re.IGNORECASE
)
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]+)")
_MOST_BYTES = 64 * 1024  # of a request to /_local/
_TARGETS = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs"}
_OBJECT_OPERATIONS = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_JSON = {"content-type": "application/json"}


class LocalGateway:
    """An ASGI application around ministack's."""

    def __init__(self, app: App, faults: Faults) -> None:
        self._app = app
        self._faults = faults
        self._routes: dict[str, Route] = {}

    def add_route(self, name: str, route: Route) -> None:
        """Have `/_local/NAME` and all below it answered by `route(method, path, query, body)`, in a thread."""
        self._routes[name] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "http":
            if scope["path"].startswith(PREFIX):
                await _answer(send, await self._local(scope, receive))
                return
            if self._faults.watched_services:
                service, operation, receive = await _meant(scope, receive, self._faults.watched_services)
                refused = self._faults.response_instead(service, operation) if service else None
                if refused is not None:
                    await _answer(send, refused)
                    return
        await self._app(scope, receive, send)

    async def _local(self, scope: Scope, receive: Receive) -> Answer:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method, path = scope["method"], scope["path"]
        if not _LOOPBACK.fullmatch(headers.get("host", "")):
            return _refused(403, "Only localhost is answered here.")
        if method not in ("GET", "HEAD") and not headers.get("content-type", "").startswith("application/json"):
            return _refused(415, "Say application/json.")
        body, _ = await _read(receive, _MOST_BYTES)
        if body is None:
            return _refused(413, "The request is too large.")
        route = self._routes.get(path.removeprefix(PREFIX).partition("/")[0])
        if route is None:
            return _refused(404, f"There is nothing at {path}.")
        query = {
            name: values[-1] for name, values in parse_qs(scope.get("query_string", b"").decode("latin-1")).items()
        }
        return await asyncio.to_thread(route, method, path, query, body)


async def _meant(scope: Scope, receive: Receive, watched: frozenset[str]) -> tuple[str, str, Receive]:
    """The service and the operation that a request means, as far as they are watched; and the request's body anew."""
    headers = dict(scope["headers"])
    if MEASURING.encode() in headers.get(b"user-agent", b""):
        return "", "", receive
    target, _, operation = headers.get(b"x-amz-target", b"").decode("latin-1").rpartition(".")
    if target in _TARGETS:
        return (_TARGETS[target] if _TARGETS[target] in watched else ""), operation, receive
    query = scope.get("query_string", b"")
    service = _signed_for(headers.get(b"authorization", b""), query)
    if service not in watched:
        return "", "", receive
    if service == "s3":
        key = _key(headers.get(b"host", b""), scope["path"])
        return service, _OBJECT_OPERATIONS.get(scope["method"], "") if key else "", receive
    body, again = await _read(receive, None)
    action = _ACTION.search(body or b"") or _ACTION.search(query)
    return service, "" if action is None else action[1].decode(), again


def _signed_for(authorization: bytes, query: bytes) -> str:
    """The service that a request is signed for, by its header or, presigned, by its query; empty where it is not."""
    signed = _SIGNED_FOR.search(authorization) or _SIGNED_FOR.search(unquote_to_bytes(query))
    if signed is not None:
        return signed[1].decode()
    # Signatures of version 2 name no service; where no Action is asked for, they are S3's.
    presigned = _SIGNED_BEFORE.search(query) is not None and _ACTION.search(query) is None
    return "s3" if presigned or authorization.startswith(b"AWS ") else ""


def _key(host: bytes, path: str) -> str:
    """The key that a request to S3 names, whether the bucket is in the host or in the path; empty for none."""
    return path[1:] if _BUCKET_HOST.fullmatch(host) else path.lstrip("/").partition("/")[2]


async def _read(receive: Receive, most: int | None) -> tuple[bytes | None, Receive]:
    """A request's body, None when it has more than `most` bytes; and a `receive` that gives it once more."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if most is not None and size > most:
            return None, receive
        more = message.get("more_body", False)
    body = b"".join(parts)
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> dict[str, Any]:
        return pending.pop() if pending else await receive()

    return body, again


async def _answer(send: Send, answer: Answer) -> None:
    status, headers, body = answer
    given = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    given.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})


def _refused(status: int, sentence: str) -> Answer:
    return status, dict(_JSON), json.dumps({"message": sentence}).encode()
