"""What stands before ministack: the local AWS's own pages and switches, and the faults of other services.

Paths below `/_local/` are this project's. They answer programs and browsers of this machine alone: the Host must be a
loopback name, so that no page of the web can reach them under a name of its own, and whoever changes something must
say `application/json`, which a form of another page cannot.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from async_endpoint.emulator.backends import MEASURING
from async_endpoint.emulator.faults import Faults

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = tuple[int, dict[str, str], bytes]
Route = Callable[[str, str, Mapping[str, str], bytes], Answer]

PREFIX = "/_local/"

_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_SIGNED_FOR = re.compile(rb"Credential=[^/]+/[^/]+/[^/]+/([a-z0-9-]+)/aws4_request")
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]+)")
_MOST_BYTES = 64 * 1024  # of a request to /_local/
_TARGETS = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs"}
_OBJECT_OPERATIONS = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_JSON = {"content-type": "application/json"}


class Front:
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
                refused = self._faults.before(service, operation) if service else None
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
    signed = _SIGNED_FOR.search(headers.get(b"authorization", b""))
    service = "" if signed is None else signed[1].decode()
    if service not in watched:
        return "", "", receive
    if service == "s3":
        _, _, key = scope["path"].lstrip("/").partition("/")
        return service, _OBJECT_OPERATIONS.get(scope["method"], "") if key else "", receive
    body, again = await _read(receive, None)
    action = _ACTION.search(body or b"")
    return service, "" if action is None else action[1].decode(), again


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
