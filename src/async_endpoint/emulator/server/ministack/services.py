"""Services of this project beside ministack's own, told apart by signature, X-Amz-Target or path."""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import ministack.app
from ministack.core import router
from ministack.core.responses import get_account_id, get_region

from async_endpoint.emulator.errors import UnknownOperation
from async_endpoint.emulator.local_routes import Response
from async_endpoint.emulator.server.region import Region

FindRegion = Callable[[str, str], Region]  # account, region name
Handler = Callable[[Region, str, Mapping[str, str], bytes], Response]  # region, path, headers, body


def add_service(
    name: str, target_prefix: str, handler: Handler, find_region: FindRegion, *, blocking: Collection[str] = ()
) -> None:
    """Serves a service's requests by `handler(region, path, headers, body)`.

    Args:
        name: The service's signing name, by which its requests are told apart.
        target_prefix: The prefix of its X-Amz-Target.
        handler: Returns the response to one request; must not block.
        find_region: Returns the region of an account number and a region name.
        blocking: Operations that may block all the same, because they call other services: they run in a thread.
    """

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        del query
        if method != "POST":  # every operation of these services is a POST
            return UnknownOperation(name, f"{method} {path}").as_json()
        region = find_region(get_account_id(), get_region())
        if headers.get("x-amz-target", "").removeprefix(target_prefix) in blocking:
            return await asyncio.to_thread(handler, region, path, headers, body)
        return handler(region, path, headers, body)

    ministack.app.SERVICE_HANDLERS[name] = handle
    # Without a pattern of its own the first request makes the router load every one of botocore's models (400 MB).
    router.SERVICE_PATTERNS[name] = {"target_prefixes": [target_prefix], "credential_scope": name}


def add_unsigned_path(name: str, pattern: re.Pattern[str]) -> None:
    """Routes unsigned POST requests whose path matches a pattern to a service, in the default region.

    A signature takes precedence, and so does every other service's claim. Only S3, which ministack assumes when nothing
    else fits, has no claim to such a request.
    """
    detect = ministack.app.detect_service

    def detect_added(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> str:
        found = detect(method, path, headers, query)
        unsigned = method == "POST" and not headers.get("authorization")
        return name if found == "s3" and unsigned and pattern.fullmatch(path) else found

    ministack.app.detect_service = detect_added
