"""Switching faults on and off over HTTP at `/_local/faults`: the route, and a client of it for tests and commands."""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from async_endpoint.emulator.faults.faults import Fault, FaultError, Faults
from async_endpoint.emulator.local_routes import Response, Route
from async_endpoint.emulator.loopback import RequestRejected, fetch_json

_HEADERS = {"content-type": "application/json"}


def faults_route(faults: Faults) -> Route:
    """GET lists, POST switches one on, DELETE switches all off (with `{"seed": n}` for what comes next)."""

    def answer(method: str, path: str, query: Mapping[str, str], body: bytes) -> Response:
        del path, query
        try:
            members = json.loads(body or b"{}")
            if not isinstance(members, dict):
                raise FaultError("A fault is a JSON object.")
            if method == "POST":
                said: dict[str, Any] = {"number": faults.add(Fault.of(members))}
            elif method == "DELETE":
                seed = members.get("seed")
                if seed is not None and not isinstance(seed, int):
                    raise FaultError(f"A seed is a whole number, not {seed!r}.")
                faults.clear(seed)
                said = faults.describe()
            else:
                said = faults.describe()
        except ValueError as error:  # what is no JSON is one, too
            return 400, dict(_HEADERS), json.dumps({"message": str(error)}).encode()
        return 200, dict(_HEADERS), json.dumps(said).encode()

    return answer


@dataclass(frozen=True)
class FaultClient:
    """The faults of a running local AWS; each method raises `NoResponse` when it does not respond.

    Attributes:
        endpoint_url: Where it answers.
    """

    endpoint_url: str

    def add(self, kind: str, **members: Any) -> int:
        """Switch a fault on; answers its number.

        Raises:
            FaultError: There is no such fault.
        """
        given = {name: value for name, value in members.items() if value is not None}
        return int(self._call("POST", {"kind": kind, **given})["number"])

    def describe(self) -> dict[str, Any]:
        """The seed, and every fault with how often it has struck."""
        return self._call("GET")

    def clear(self, seed: int | None = None) -> None:
        """Switch everything off; with `seed` what comes next is drawn from it."""
        self._call("DELETE", {} if seed is None else {"seed": seed})

    def _call(self, method: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = None if members is None else json.dumps(members).encode()
        request = urllib.request.Request(  # noqa: S310 - a local AWS's own address
            f"{self.endpoint_url}/_local/faults", body, dict(_HEADERS), method=method
        )
        try:
            return fetch_json(request)
        except RequestRejected as error:
            raise FaultError(str(error)) from error
