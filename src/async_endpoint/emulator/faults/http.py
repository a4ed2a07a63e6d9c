"""Faults over HTTP at `/_local/faults`: the route, and a client of it for tests and commands."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from async_endpoint.emulator.faults.faults import Fault, FaultError, Faults
from async_endpoint.emulator.faults.operations import nearest
from async_endpoint.emulator.local_routes import Response, Route
from async_endpoint.emulator.loopback import RequestRejected, send_json

# SageMaker's pattern of EndpointName.
_ENDPOINT_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def faults_route(faults: Faults, endpoint_names: Callable[[], Collection[str]]) -> Route:
    """Returns the route: GET lists, POST adds one, DELETE switches all off (`{"seed": n}` seeds those to come).

    Args:
        faults: The faults of the local AWS.
        endpoint_names: Returns the names of its endpoints; a fault of another one is rejected.
    """

    def handle(method: str, path: str, query: Mapping[str, str], body: bytes) -> Response:
        del path, query
        try:
            content, status = _handle(faults, method, json.loads(body or b"{}"), endpoint_names), HTTPStatus.OK
        except ValueError as error:  # a FaultError, or a body that is not JSON
            content, status = {"message": str(error)}, HTTPStatus.BAD_REQUEST
        return status, {"content-type": "application/json"}, json.dumps(content).encode()

    return handle


def _handle(faults: Faults, method: str, members: Any, endpoint_names: Callable[[], Collection[str]]) -> dict[str, Any]:
    if not isinstance(members, dict):
        raise FaultError("A fault is a JSON object.")
    if method == "POST":
        fault = Fault.from_json(members)
        note = _check_endpoint(fault, endpoint_names())
        return {"number": faults.add(fault), "note": note}
    if method == "DELETE":
        seed = members.get("seed")
        if seed is not None and not isinstance(seed, int):
            raise FaultError(f"A seed is a whole number, not {seed!r}.")
        faults.clear(seed)
    return faults.describe()


def _check_endpoint(fault: Fault, known: Collection[str]) -> str | None:
    """Checks that a fault's endpoint exists; returns a note about one that is yet to be created, to start slowly.

    Raises:
        FaultError: There is no such endpoint.
    """
    if fault.endpoint is None or fault.endpoint in known:
        return None
    hint = nearest(fault.endpoint, known)
    if fault.kind == "slow-start" and _ENDPOINT_NAME.fullmatch(fault.endpoint):
        return f"There is no endpoint {fault.endpoint!r} yet: the fault waits for one of that name.{hint}"
    raise FaultError(f"There is no endpoint {fault.endpoint!r}, so the fault would never occur.{hint}")


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
            FaultError: The fault is not valid, or could never occur.
        """
        return self.add_with_note(kind, **members)[0]

    def add_with_note(self, kind: str, **members: Any) -> tuple[int, str | None]:
        """Switches a fault on as `add` does; returns its number, and what it waits for, if anything."""
        given = {name: value for name, value in members.items() if value is not None}
        response = self._call("POST", {"kind": kind, **given})
        return int(response["number"]), response["note"]

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
