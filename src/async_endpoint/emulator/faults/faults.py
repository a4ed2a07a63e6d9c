"""Faults on demand: what a local AWS is to do wrong, and how often; a fixed seed repeats it.

Each fault draws its chances from a generator of its own, made of the seed and of the fault's number: which calls it
would strike depends on these and on the order of the calls that it looks at, and on no other fault. Where several would
strike the same call, the one that was switched on first does.
"""

import itertools
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args

from async_endpoint.emulator.faults.fault_responses import SERVICES, Refusal, refusal

Kind = Literal[
    "error", "throttle", "no-capacity", "stalled-capacity", "slow-start", "kill", "drop", "double", "reorder"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_SEED = 0
DEFAULT_SLOW_SECONDS = 300.0
# Half an hour is for how long SageMaker was seen to hold an endpoint in Updating that never got its instances.
DEFAULT_STALLED_SECONDS = 1800.0

_REFUSING: tuple[Kind, ...] = ("error", "throttle")
_WITHHOLDING: tuple[Kind, ...] = ("no-capacity", "stalled-capacity")
_REORDERED_SECONDS = 2.0  # of the wall's clock, by which a notification falls behind the next ones
_MEMBERS: Mapping[str, tuple[Kind, ...]] = {
    "service": _REFUSING,
    "operation": _REFUSING,
    "instance_type": _WITHHOLDING,
    "endpoint": ("slow-start", "kill", "drop", "double", "reorder"),
    "seconds": ("slow-start", "stalled-capacity"),
}


class FaultError(ValueError):
    """A fault that there is not; the message is one sentence."""


@dataclass(frozen=True)
class Fault:
    """One thing to go wrong.

    Attributes:
        kind: `error` and `throttle` refuse calls of a service; `no-capacity` refuses instances at once,
            `stalled-capacity` has them awaited and never come; `slow-start` delays them; `kill` ends an instance's
            container while it has a request; `drop`, `double` and `reorder` are of notifications.
        rate: The chance of each call, above 0 and up to 1.
        count: After how many strikes it ends; None for never. A call that another fault struck in its stead
            uses none of them up: when it ends, and that alone, may depend on others.
        service: The service whose calls are refused.
        operation: The one operation of it; None for all.
        instance_type: The type that is not to be had; None for all.
        endpoint: The one endpoint; None for all.
        seconds: By how much a start is delayed, or for how long an instance is awaited, on AWS's clock.
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
    def of(cls, members: Mapping[str, Any]) -> Self:
        """Build one from JSON.

        Raises:
            FaultError: A member is missing, unknown, or of no sense together with the others.
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
        if self.kind in _REFUSING and self.service not in SERVICES:
            raise FaultError(f"{self.service!r} is no service that can fail: choose one of {', '.join(SERVICES)}.")
        if self.seconds is not None and not (isinstance(self.seconds, int | float) and self.seconds > 0):
            raise FaultError(f"A delay is a number of seconds above 0, not {self.seconds!r}.")


@dataclass(frozen=True)
class Shortage:
    """An instance that cannot be provisioned.

    Attributes:
        reason: Why, in AWS's words.
        awaited: For how many seconds of AWS's clock it is awaited all the same; 0 if it is refused at once.
    """

    reason: str
    awaited: float


class _Active:
    """A fault that is switched on."""

    def __init__(self, number: int, fault: Fault, seed: int) -> None:
        self.number = number
        self.fault = fault
        self.struck = 0
        self._chances = random.Random(f"{seed}/{number}")  # noqa: S311 - to be repeatable is the point

    def would_strike(self) -> bool:
        """Whether it strikes this call unless another fault does; to be asked once for each call that concerns it."""
        ended = self.fault.count is not None and self.struck >= self.fault.count
        return self._chances.random() < self.fault.rate and not ended


class Faults:
    """The switchboard of one local AWS; thread-safe. Nothing is wrong until something is switched on."""

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._numbers = itertools.count(1)
        self._active: list[_Active] = []

    def add(self, fault: Fault) -> int:
        """Switch a fault on; answers its number."""
        with self._lock:
            active = _Active(next(self._numbers), fault, self._seed)
            self._active.append(active)
            return active.number

    def clear(self, seed: int | None = None) -> None:
        """Switch everything off, and count from 1 again; with `seed` what comes next is drawn from it."""
        with self._lock:
            self._active.clear()
            self._numbers = itertools.count(1)
            self._seed = self._seed if seed is None else seed

    def describe(self) -> dict[str, Any]:
        """The seed, and every fault with how often it has struck."""
        with self._lock:
            faults = [
                {"number": active.number, "struck": active.struck}
                | {name: value for name, value in asdict(active.fault).items() if value is not None}
                for active in self._active
            ]
            return {"seed": self._seed, "faults": faults}

    @property
    def watched_services(self) -> frozenset[str]:
        """The services of which some call may be refused; to be asked before anything about a call is found out."""
        active = self._active
        return frozenset(each.fault.service for each in active if each.fault.service) if active else frozenset()

    def before(self, service: str, operation: str) -> Refusal | None:
        """The answer in the stead of a call's; None where the call goes through."""
        found = self._strike(
            lambda fault: fault.kind in _REFUSING and fault.service == service and fault.operation in (None, operation)
        )
        return None if found is None else refusal(service, throttled=found.kind == "throttle")

    def shortage(self, instance_type: str) -> Shortage | None:
        """How an instance of a type cannot be provisioned; None where it can."""
        found = self._strike(lambda f: f.kind in _WITHHOLDING and f.instance_type in (None, instance_type))
        if found is None:
            return None
        reason = (
            "InsufficientInstanceCapacity: Unable to provision requested ML compute capacity due to "
            f"InsufficientInstanceCapacity error for {instance_type}. Please retry using a different ML instance type "
            "or after some time."
        )
        return Shortage(reason, (found.seconds or DEFAULT_STALLED_SECONDS) if found.kind == "stalled-capacity" else 0.0)

    def start_delay(self, endpoint: str) -> float:
        """By how many seconds of AWS's clock an instance of an endpoint comes up late."""
        found = self._strike(lambda fault: fault.kind == "slow-start" and fault.endpoint in (None, endpoint))
        return 0.0 if found is None else found.seconds or DEFAULT_SLOW_SECONDS

    def kills(self, endpoint: str) -> bool:
        """Whether the container that has just been handed a request of an endpoint is to be killed."""
        return self._strike(lambda fault: fault.kind == "kill" and fault.endpoint in (None, endpoint)) is not None

    def deliveries(self, endpoint: str) -> tuple[float, ...]:
        """After how many seconds of the wall's clock a notification is published: once at once, if nothing is wrong."""

        def is_struck(kind: Kind, *, spared: bool = False) -> bool:
            found = self._strike(lambda fault: fault.kind == kind and fault.endpoint in (None, endpoint), spared=spared)
            return found is not None

        dropped = is_struck("drop")
        count = 2 if is_struck("double", spared=dropped) else 1
        delay = _REORDERED_SECONDS if is_struck("reorder", spared=dropped) else 0.0
        return () if dropped else (delay,) * count

    def _strike(self, concerns: Callable[[Fault], bool], *, spared: bool = False) -> Fault | None:
        """The first fault that a call concerns and that strikes it; every other one draws its chance all the same.

        A call that is spared is struck by none, and chances are drawn of it, too.
        """
        if not self._active:
            return None
        with self._lock:
            striking = [each for each in self._active if concerns(each.fault) and each.would_strike()]
            if spared or not striking:
                return None
            striking[0].struck += 1
            return striking[0].fault
