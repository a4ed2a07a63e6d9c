"""Faults on demand: what goes wrong in a local AWS, and how often; a fixed seed repeats it.

Each fault draws from a random generator of its own, seeded by the common seed and the fault's number. The calls that it
would strike depend on this seed and on the order of the calls that concern it, never on another fault. If several
faults would strike the same call, the one that was switched on first does.
"""

import itertools
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args

from async_endpoint.emulator.faults.fault_responses import SERVICES, FaultResponse, error_response
from async_endpoint.emulator.faults.operations import nearest, operation_names
from async_endpoint.emulator.service_models import instance_types

Kind = Literal[
    "error", "throttle", "no-capacity", "stalled-capacity", "slow-start", "kill", "drop", "double", "reorder"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_SEED = 0
DEFAULT_SLOW_SECONDS = 300.0
# SageMaker was seen to keep an endpoint in Updating for half an hour that never got its instances.
DEFAULT_STALLED_SECONDS = 1800.0

_CALL_FAULTS: tuple[Kind, ...] = ("error", "throttle")
_CAPACITY_FAULTS: tuple[Kind, ...] = ("no-capacity", "stalled-capacity")
_REORDERED_SECONDS = 2.0  # of the wall's clock, by which a notification is delayed
_MEMBERS: Mapping[str, tuple[Kind, ...]] = {
    "service": _CALL_FAULTS,
    "operation": _CALL_FAULTS,
    "instance_type": _CAPACITY_FAULTS,
    "endpoint": ("slow-start", "kill", "drop", "double", "reorder"),
    "seconds": ("slow-start", "stalled-capacity"),
}


class FaultError(ValueError):
    """A fault that does not exist or is not valid; the message is one sentence."""


@dataclass(frozen=True)
class Fault:
    """One thing to go wrong.

    Attributes:
        kind: `error` and `throttle` fail calls to a service; `no-capacity` rejects instances at once, and
            `stalled-capacity` after a wait; `slow-start` delays instances; `kill` ends an instance's container while it
            processes a request; `drop`, `double` and `reorder` concern notifications.
        rate: The chance of each call, above 0 and up to 1.
        count: The number of strikes after which the fault ends; None for no end. A call that another fault strikes
            does not count; only in this respect does one fault depend on others.
        service: The service whose calls fail.
        operation: The one operation that fails; None for all.
        instance_type: The type that cannot be provisioned; None for all.
        endpoint: The one endpoint; None for all.
        seconds: The delay of a start, or the wait for an instance, on AWS's clock.
    """

    kind: Kind
    rate: float = 1.0
    count: int | None = None
    service: str | None = None
    operation: str | None = None
    instance_type: str | None = None
    endpoint: str | None = None
    seconds: float | None = None

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Self:
        """Returns the fault that a JSON object describes.

        Raises:
            FaultError: A member is missing or unknown, or does not fit the others.
        """
        if unknown := set(members) - {field.name for field in fields(cls)}:
            raise FaultError(f"A fault has no member {min(unknown)!r}.")
        fault = cls(**{"kind": "", **members})
        fault._check()
        return fault

    def _check(self) -> None:
        if self.kind not in KINDS:
            raise FaultError(f"There is no fault {self.kind!r}: choose one of {', '.join(KINDS)}.")
        if not isinstance(self.rate, int | float) or not 0 < self.rate <= 1:
            raise FaultError(f"A rate is above 0 and up to 1, not {self.rate!r}.")
        if self.count is not None and (not isinstance(self.count, int) or self.count < 1):
            raise FaultError(f"A count is a whole number from 1 on, not {self.count!r}.")
        for member, kinds in _MEMBERS.items():
            if getattr(self, member) is not None and self.kind not in kinds:
                raise FaultError(f"The fault {self.kind} has no {member}.")
        if self.kind in _CALL_FAULTS and self.service not in SERVICES:
            raise FaultError(f"{self.service!r} is not a service that can fail: choose one of {', '.join(SERVICES)}.")
        self._check_names()
        if self.seconds is not None and not (isinstance(self.seconds, int | float) and self.seconds > 0):
            raise FaultError(f"A delay is a number of seconds above 0, not {self.seconds!r}.")

    def _check_names(self) -> None:
        """Checks that what the fault is limited to exists, or it would never strike."""
        if self.operation is not None and self.operation not in operation_names(str(self.service)):
            hint = nearest(self.operation, operation_names(str(self.service)))
            raise FaultError(f"{self.service} has no operation {self.operation!r} that the local AWS can fail.{hint}")
        if self.instance_type is not None and self.instance_type not in instance_types():
            hint = nearest(self.instance_type, instance_types())
            raise FaultError(f"SageMaker has no instance type {self.instance_type!r} for endpoints.{hint}")


@dataclass(frozen=True)
class Shortage:
    """An instance that cannot be provisioned.

    Attributes:
        reason: Why, in AWS's words.
        awaited: How many seconds of AWS's clock SageMaker waits for it; 0 if it is rejected at once.
    """

    reason: str
    awaited: float


class _Active:
    """A fault that is switched on."""

    def __init__(self, number: int, fault: Fault, seed: int) -> None:
        self.number = number
        self.fault = fault
        self.struck = 0
        self._chances = random.Random(f"{seed}/{number}")  # noqa: S311 - repeatable on purpose

    def would_strike(self) -> bool:
        """Returns whether it strikes this call unless another fault does; to be called once a call that it concerns."""
        ended = self.fault.count is not None and self.struck >= self.fault.count
        return self._chances.random() < self.fault.rate and not ended


class Faults:
    """The faults of one local AWS; thread-safe. At first none is switched on."""

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._numbers = itertools.count(1)
        self._active: list[_Active] = []

    def add(self, fault: Fault) -> int:
        """Switches a fault on; returns its number."""
        with self._lock:
            active = _Active(next(self._numbers), fault, self._seed)
            self._active.append(active)
            return active.number

    def clear(self, seed: int | None = None) -> None:
        """Switches every fault off, and counts from 1 again; `seed` is that of the faults to come."""
        with self._lock:
            self._active.clear()
            self._numbers = itertools.count(1)
            self._seed = self._seed if seed is None else seed

    def describe(self) -> dict[str, Any]:
        """Returns the seed, and every fault with the number of its strikes."""
        with self._lock:
            faults = [
                {"number": active.number, "struck": active.struck}
                | {name: value for name, value in asdict(active.fault).items() if value is not None}
                for active in self._active
            ]
            return {"seed": self._seed, "faults": faults}

    @property
    def watched_services(self) -> frozenset[str]:
        """The services of which some call may fail; lets the gateway skip the analysis of all other calls."""
        active = self._active
        return frozenset(each.fault.service for each in active if each.fault.service) if active else frozenset()

    def response_instead(self, service: str, *names: str) -> FaultResponse | None:
        """Returns the error response to a call that a fault strikes; None if the call goes through.

        Args:
            service: The called service.
            names: The names of the called operation; none if it cannot be told.
        """
        found = self._strike(
            lambda f: f.kind in _CALL_FAULTS and f.service == service and f.operation in (None, *names)
        )
        return None if found is None else error_response(service, throttled=found.kind == "throttle")

    def shortage(self, instance_type: str) -> Shortage | None:
        """Returns why an instance of a type cannot be provisioned; None if it can."""
        found = self._strike(lambda f: f.kind in _CAPACITY_FAULTS and f.instance_type in (None, instance_type))
        if found is None:
            return None
        reason = (
            "InsufficientInstanceCapacity: Unable to provision requested ML compute capacity due to "
            f"InsufficientInstanceCapacity error for {instance_type}. Please retry using a different ML instance type "
            "or after some time."
        )
        return Shortage(reason, (found.seconds or DEFAULT_STALLED_SECONDS) if found.kind == "stalled-capacity" else 0.0)

    def start_delay(self, endpoint: str) -> float:
        """Returns the delay of an instance's start, in seconds of AWS's clock."""
        found = self._strike(lambda fault: fault.kind == "slow-start" and fault.endpoint in (None, endpoint))
        return 0.0 if found is None else found.seconds or DEFAULT_SLOW_SECONDS

    def kills(self, endpoint: str) -> bool:
        """Returns whether to kill the container that is about to process a request of an endpoint."""
        return self._strike(lambda fault: fault.kind == "kill" and fault.endpoint in (None, endpoint)) is not None

    def deliveries(self, endpoint: str) -> tuple[float, ...]:
        """Returns the delay of each copy of a notification, in seconds of the wall's clock; (0.0,) without a fault."""

        def is_struck(kind: Kind, *, spared: bool = False) -> bool:
            found = self._strike(lambda fault: fault.kind == kind and fault.endpoint in (None, endpoint), spared=spared)
            return found is not None

        dropped = is_struck("drop")
        count = 2 if is_struck("double", spared=dropped) else 1
        delay = _REORDERED_SECONDS if is_struck("reorder", spared=dropped) else 0.0
        return () if dropped else (delay,) * count

    def _strike(self, concerns: Callable[[Fault], bool], *, spared: bool = False) -> Fault | None:
        """Returns the first fault that strikes a call; every other one that it concerns draws its chance all the same.

        No fault strikes a spared call; the chances are drawn even so.
        """
        if not self._active:
            return None
        with self._lock:
            striking = [each for each in self._active if concerns(each.fault) and each.would_strike()]
            if spared or not striking:
                return None
            striking[0].struck += 1
            return striking[0].fault
