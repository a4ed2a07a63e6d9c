"""The application before ministack: the local AWS's own routes, and the faults of other services.

Paths below `/_local/` are this project's own. They serve programs and browsers of this machine only: the Host must be a
loopback name, so that no page of the web reaches them under a name of its own, and a request that changes something
must have the content type `application/json`, which a form of another page cannot send. A route for forms also takes
those whose Origin, which the browser sets, is the local AWS itself.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

from async_endpoint.emulator.clients import MEASURING
from async_endpoint.emulator.faults.fault_responses import RUNTIME
from async_endpoint.emulator.faults.faults import Faults
from async_endpoint.emulator.faults.operations import s3_operations
from async_endpoint.emulator.local_routes import PREFIX, Response, Route

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_SIGNATURE_V4 = re.compile(rb"Credential=[^/]+/[^/]+/[^/]+/([a-z0-9-]+)/aws4_request")
_PRESIGNED_V2 = re.compile(rb"(?:^|&)AWSAccessKeyId=")
# A bucket's own host, as ministack parses it: BUCKET.localhost, BUCKET.s3.localhost, BUCKET.s3.REGION.amazonaws.com.
_BUCKET_HOST = re.compile(
    rb"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\.(?:(?:.+\.)?localhost|s3(?:express)?[.-].+)(?::\d+)?", re.IGNORECASE
)
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]+)")
_MAX_BODY_BYTES = 64 * 1024  # of a request to /_local/
_INVOCATION = re.compile(r"/endpoints/[^/]+/(async-invocations|invocations|invocations-response-stream)")
_RUNTIME_OPERATIONS = {
    "async-invocations": "InvokeEndpointAsync",
    "invocations": "InvokeEndpoint",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
_TARGETS = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs"}


class LocalGateway:
    """An ASGI application around ministack's."""

    def __init__(self, app: App, faults: Faults) -> None:
        self._app = app
        self._faults = faults
        self._routes: dict[str, Route] = {}
        self._for_forms: set[str] = set()

    def add_route(self, name: str, route: Route, *, forms: bool = False) -> None:
        """Serves `/_local/NAME` and every path below it by `route(method, path, query, body)`, in a thread."""
        self._routes[name] = route
        if forms:
            self._for_forms.add(name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Responds to one request, or passes it to ministack."""
        if scope["type"] == "http":
            if scope["path"].startswith(PREFIX):
                await _send(send, await self._local_response(scope, receive))
                return
            if self._faults.watched_services:
                service, names, receive = await _identify(scope, receive, self._faults.watched_services)
                failure = self._faults.response_instead(service, *names) if service else None
                if failure is not None:
                    await _send(send, failure)
                    return
        await self._app(scope, receive, send)

    async def _local_response(self, scope: Scope, receive: Receive) -> Response:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method, path = scope["method"], scope["path"]
        if not _LOOPBACK.fullmatch(headers.get("host", "")):
            return _error(HTTPStatus.FORBIDDEN, "Only requests to localhost are served here.")
        name = path.removeprefix(PREFIX).partition("/")[0]
        if method not in ("GET", "HEAD"):
            rejected = _rejection(headers, takes_forms=name in self._for_forms)
            if rejected is not None:
                return rejected
        body, _ = await _read_body(receive, _MAX_BODY_BYTES)
        if body is None:
            return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The request has more than {_MAX_BODY_BYTES:,} bytes.")
        route = self._routes.get(name)
        if route is None:
            return _error(HTTPStatus.NOT_FOUND, f"There is nothing at {path}.")
        query = {
            name: values[-1] for name, values in parse_qs(scope.get("query_string", b"").decode("latin-1")).items()
        }
        return await asyncio.to_thread(route, method, path, query, body)


def _rejection(headers: Mapping[str, str], *, takes_forms: bool) -> Response | None:
    """Returns the response to a request that may come from a page of another site; None if it may change something."""
    content_type = headers.get("content-type", "")
    if takes_forms and content_type.startswith("application/x-www-form-urlencoded"):
        if headers.get("origin") == f"http://{headers['host']}":
            return None
        return _error(HTTPStatus.FORBIDDEN, "Only forms of the local AWS's own pages are taken here.")
    if content_type.startswith("application/json"):
        return None
    return _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The content type must be application/json.")


async def _identify(scope: Scope, receive: Receive, watched: frozenset[str]) -> tuple[str, frozenset[str], Receive]:
    """Returns the service and the names of the operation of a request, and a `receive` that returns its body again.

    Both are empty where no watched service is meant.
    """
    headers = dict(scope["headers"])
    if MEASURING.encode() in headers.get(b"user-agent", b""):
        return "", frozenset(), receive
    target, _, operation = headers.get(b"x-amz-target", b"").decode("latin-1").rpartition(".")
    if target in _TARGETS:
        return (_TARGETS[target] if _TARGETS[target] in watched else ""), frozenset({operation}), receive
    if invocation := _INVOCATION.fullmatch(scope["path"]):
        return (RUNTIME if RUNTIME in watched else ""), frozenset({_RUNTIME_OPERATIONS[invocation[1]]}), receive
    query = scope.get("query_string", b"")
    service = _signed_service(headers.get(b"authorization", b""), query)
    if service not in watched:
        return "", frozenset(), receive
    if service == "s3":
        bucket, key = _bucket_and_key(headers.get(b"host", b""), scope["path"])
        sent = (name.decode("latin-1").lower() for name in headers)
        return service, s3_operations(scope["method"], bucket, key, query.decode("latin-1"), sent), receive
    body, receive_again = await _read_body(receive, None)
    action = _ACTION.search(body or b"") or _ACTION.search(query)
    return service, frozenset() if action is None else frozenset({action[1].decode()}), receive_again


def _signed_service(authorization: bytes, query: bytes) -> str:
    """Returns the service that a request is signed for, by its header or presigned query; empty if it is unsigned."""
    signature = _SIGNATURE_V4.search(authorization) or _SIGNATURE_V4.search(unquote_to_bytes(query))
    if signature is not None:
        return signature[1].decode()
    # Signatures of version 2 name no service; those without an Action are S3's.
    is_presigned = _PRESIGNED_V2.search(query) is not None and _ACTION.search(query) is None
    return "s3" if is_presigned or authorization.startswith(b"AWS ") else ""


def _bucket_and_key(host: bytes, path: str) -> tuple[str, str]:
    """Returns the bucket and the key in a request to S3, whether the bucket is in the host or in the path.

    Each is empty if there is none.
    """
    if _BUCKET_HOST.fullmatch(host):
        return host.partition(b".")[0].decode("latin-1"), path[1:]
    bucket, _, key = path.lstrip("/").partition("/")
    return bucket, key


async def _read_body(receive: Receive, limit: int | None) -> tuple[bytes | None, Receive]:
    """Returns a request's body, None if it has more than `limit` bytes; and a `receive` that returns it again."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if limit is not None and size > limit:
            return None, receive
        more = message.get("more_body", False)
    body = b"".join(parts)
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> dict[str, Any]:
        return pending.pop() if pending else await receive()

    return body, receive_again


async def _send(send: Send, response: Response) -> None:
    status, headers, body = response
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    encoded.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": int(status), "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _error(status: HTTPStatus, message: str) -> Response:
    return status, {"content-type": "application/json"}, json.dumps({"message": message}).encode()
