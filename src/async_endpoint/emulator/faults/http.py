"""Faults over HTTP at `/_local/faults`: the route, and a client of it for tests and commands."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from async_endpoint.emulator.faults.faults import Fault, FaultError, Faults
from async_endpoint.emulator.local_routes import Response, Route
from async_endpoint.emulator.loopback import RequestRejected, send_json


def faults_route(faults: Faults) -> Route:
    """Returns the route: GET lists, POST adds one, DELETE switches all off (`{"seed": n}` seeds those to come)."""

    def handle(method: str, path: str, query: Mapping[str, str], body: bytes) -> Response:
        del path, query
        try:
            content, status = _handle(faults, method, json.loads(body or b"{}")), HTTPStatus.OK
        except ValueError as error:  # a FaultError, or a body that is not JSON
            content, status = {"message": str(error)}, HTTPStatus.BAD_REQUEST
        return status, {"content-type": "application/json"}, json.dumps(content).encode()

    return handle


def _handle(faults: Faults, method: str, members: Any) -> dict[str, Any]:
    if not isinstance(members, dict):
        raise FaultError("A fault is a JSON object.")
    if method == "POST":
        return {"number": faults.add(Fault.from_json(members))}
    if method == "DELETE":
        seed = members.get("seed")
        if seed is not None and not isinstance(seed, int):
            raise FaultError(f"A seed is a whole number, not {seed!r}.")
        faults.clear(seed)
    return faults.describe()


@dataclass(frozen=True)
class FaultClient:
    """The faults of a running local AWS; each method raises `NoResponse` when the local AWS does not respond.

    Attributes:
        endpoint_url: Its address.
    """

    endpoint_url: str

    def add(self, kind: str, **members: Any) -> int:
        """Switches a fault on; returns its number.

        Raises:
            FaultError: The fault is not valid.
        """
        given = {name: value for name, value in members.items() if value is not None}
        return int(self._call("POST", {"kind": kind, **given})["number"])

    def describe(self) -> dict[str, Any]:
        """Returns the seed, and every fault with the number of its strikes."""
        return self._call("GET")

    def clear(self, seed: int | None = None) -> None:
        """Switches every fault off; `seed` is that of the faults to come."""
        self._call("DELETE", {} if seed is None else {"seed": seed})

    def _call(self, method: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            return send_json(f"{self.endpoint_url}/_local/faults", method, members)
        except RequestRejected as error:
            raise FaultError(str(error)) from error
