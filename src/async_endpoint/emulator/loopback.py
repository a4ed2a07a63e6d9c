"""HTTP to a local AWS from outside its process, past every proxy: the way is this machine's loopback."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 10.0
_OK = 200
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever the user's variables say


class NoAnswer(Exception):
    """A local AWS does not answer, or what answers is none; the message is one sentence."""


class Refused(NoAnswer):
    """It answers that it will not; the message is its own sentence."""


def ask(request: str | urllib.request.Request, *, seconds: float = _SECONDS) -> tuple[int, bytes]:
    """Status and body of the answer to an address or a request, whatever the status is.

    Raises:
        NoAnswer: There was none within so many seconds.
    """
    try:
        try:
            answer = _OPENER.open(request, timeout=seconds)
        except urllib.error.HTTPError as error:
            answer = error  # which is an answer, too
        with answer:
            return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        why = getattr(cause, "strerror", None) or cause
        raise NoAnswer(f"The local AWS at {_host(request)} does not answer: {why}.") from error


def ask_json(request: str | urllib.request.Request) -> dict[str, Any]:
    """The JSON object that is answered with status 200.

    Raises:
        NoAnswer: There was no answer, or one that is no JSON object.
        Refused: The status is another.
    """
    status, body = ask(request)
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise NoAnswer(f"What answers at {_host(request)} is no local AWS, or a broken one: status {status}, no JSON.")
    if status != _OK:
        raise Refused(str(found.get("message", f"The local AWS at {_host(request)} answers with status {status}.")))
    return found


def send_json(address: str, method: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Sends a JSON object, if there is one, and returns the JSON object of the response; raises as `ask_json`."""
    body = None if members is None else json.dumps(members).encode()
    headers = {"content-type": "application/json"}
    return ask_json(urllib.request.Request(address, body, headers, method=method))  # noqa: S310 - a loopback address


def _host(request: str | urllib.request.Request) -> str:
    return urlsplit(request if isinstance(request, str) else request.full_url).netloc
