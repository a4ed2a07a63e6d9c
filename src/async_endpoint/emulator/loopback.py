"""HTTP requests to a local AWS from outside its process; no proxy is used, as the server is on this machine."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 10.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # ignores the proxies of the environment

Request = str | urllib.request.Request  # a URL, or a whole request


class NoResponse(Exception):
    """A local AWS does not respond, or something else responds in its place; the message is one sentence."""


class RequestRejected(NoResponse):
    """A local AWS rejects a request; the message is the response's own."""


def fetch(request: Request, *, timeout: float = _TIMEOUT_SECONDS) -> tuple[int, bytes]:
    """Returns the status and the body of a response, whatever the status is.

    Raises:
        NoResponse: None came within `timeout` seconds.
    """
    try:
        try:
            response = _OPENER.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            response = error  # a response with an error's status
        with response:
            return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        reason = getattr(cause, "strerror", None) or cause
        raise NoResponse(f"The local AWS at {_host(request)} does not respond: {reason}.") from error


def fetch_json(request: Request) -> dict[str, Any]:
    """Returns the JSON object of a response with status 200.

    Raises:
        NoResponse: There was no response, or its body is not a JSON object.
        RequestRejected: The status is another.
    """
    status, body = fetch(request)
    try:
        members = json.loads(body)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise NoResponse(
            f"The server at {_host(request)} is not a local AWS, or it is broken: status {status} without JSON."
        )
    if status != HTTPStatus.OK:
        message = members.get("message", f"The local AWS at {_host(request)} responds with status {status}.")
        raise RequestRejected(str(message))
    return members


def send_json(url: str, method: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Sends a JSON object, if there is one, and returns the JSON object of the response; raises as `fetch_json`."""
    body = None if members is None else json.dumps(members).encode()
    headers = {"content-type": "application/json"}
    return fetch_json(urllib.request.Request(url, body, headers, method=method))  # noqa: S310 - a loopback address


def _host(request: Request) -> str:
    return urlsplit(request if isinstance(request, str) else request.full_url).netloc
