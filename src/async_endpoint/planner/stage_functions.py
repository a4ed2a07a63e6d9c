"""What a stage's functions do that a plan must know, by the environment variables in their templates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from async_endpoint.planner.errors import PlanError

Function = Mapping[str, Any]


@dataclass(frozen=True)
class Wake:
    """The function that submits wakes a sleeping endpoint.

    Attributes:
        backlog_per_instance: Waiting documents for each instance (BACKLOG_PER_INSTANCE).
        hold_seconds: How long the wake alarm adds no instances to those of a wake (WAKE_COOLDOWN_SECONDS).
    """

    backlog_per_instance: int
    hold_seconds: int


@dataclass(frozen=True)
class Watchdog:
    """A scheduled function stops instances without work.

    Attributes:
        idle_seconds: How long instances may run without work (IDLE_MINUTES).
        stops: Whether it stops them, or only notifies (HARD_STOP).
    """

    idle_seconds: int
    stops: bool


def wake_of(functions: Iterable[Function]) -> Wake | None:
    """Returns how submission wakes the endpoint; None if it does not.

    Raises:
        PlanError: A variable is no whole number.
    """
    for variables in map(_variables, functions):
        if variables.get("WAKE_ON_SUBMIT") == "true":
            return Wake(_number(variables, "BACKLOG_PER_INSTANCE"), _number(variables, "WAKE_COOLDOWN_SECONDS"))
    return None


def watchdog_of(functions: Iterable[Function]) -> Watchdog | None:
    """Returns the watchdog; None without one.

    Raises:
        PlanError: A variable is no whole number.
    """
    for variables in map(_variables, functions):
        if "HARD_STOP" in variables:
            return Watchdog(_number(variables, "IDLE_MINUTES") * 60, variables["HARD_STOP"] == "true")
    return None


def request_ttl(functions: Iterable[Function]) -> int | None:
    """Returns RequestTTLSeconds of the submitted requests; None if no function names it.

    Raises:
        PlanError: The variable is no whole number.
    """
    for variables in map(_variables, functions):
        if "REQUEST_TTL_SECONDS" in variables:
            return _number(variables, "REQUEST_TTL_SECONDS")
    return None


def _variables(function: Function) -> Mapping[str, Any]:
    found: Mapping[str, Any] = function.get("Environment", {}).get("Variables", {})
    return found


def _number(variables: Mapping[str, Any], name: str) -> int:
    text = str(variables.get(name))
    if not text.isdecimal():
        raise PlanError(f"the environment variable {name} of a function is {text!r}, and a plan needs a whole number.")
    return int(text)
