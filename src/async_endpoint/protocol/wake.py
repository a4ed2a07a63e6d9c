"""Wakes a sleeping endpoint: sets the capacity that the waiting jobs want, without waiting for a metric.

Only from zero: growth and sleep are left to the scaling policies. docs/decisions/0030 has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from async_endpoint.protocol.variant_scaling import CapacityRejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.protocol.variant_scaling import ScalingBounds, VariantCapacity

_IN_SERVICE = "InService"


class WakeResult(StrEnum):
    """What came of an attempt to wake.

    Attributes:
        WOKEN: The capacity was set.
        AWAKE: Instances run, or are on their way.
        BUSY: Something else changes the endpoint, such as a scaling policy or a deployment.
        LEFT_ALONE: Somebody has decided that the endpoint does not scale out.
    """

    WOKEN = "WOKEN"
    AWAKE = "AWAKE"
    BUSY = "BUSY"
    LEFT_ALONE = "LEFT_ALONE"


@dataclass(frozen=True)
class WakeAttempt:
    """The result of an attempt, in a sentence.

    Attributes:
        result: What came of it.
        sentence: What was done, or why nothing was.
    """

    result: WakeResult
    sentence: str


class WakeableVariant(Protocol):
    """A variant; implemented and documented by `VariantScaling`."""

    def capacity(self) -> VariantCapacity:
        """Returns the current capacity."""

    def bounds(self) -> ScalingBounds | None:
        """Returns what scaling allows; None without a scalable target."""

    def set_instances(self, instances: int) -> None:
        """Sets the number of instances.

        Raises:
            CapacityRejected: Not now.
        """


def reason_not_to_wake(capacity: VariantCapacity) -> WakeAttempt | None:
    """Returns why an endpoint in this state is not woken; None if it sleeps."""
    if capacity.status is None:
        return WakeAttempt(WakeResult.LEFT_ALONE, "There is no endpoint to wake.")
    if capacity.desired > 0:
        return WakeAttempt(WakeResult.AWAKE, "The endpoint is awake.")
    if capacity.status != _IN_SERVICE:
        return WakeAttempt(WakeResult.BUSY, f"The endpoint is {capacity.status} and cannot be woken now.")
    return None


def instances_to_wake(bounds: ScalingBounds | None, *, waiting: int, backlog_per_instance: int) -> int | WakeAttempt:
    """Returns how many instances a sleeping endpoint needs, or why it is left alone.

    Args:
        bounds: The scalable target; None if there is none.
        waiting: Jobs that wait. An estimate: at least one instance is asked for.
        backlog_per_instance: Jobs that one instance should have, at least 1.
    """
    if bounds is None:
        return WakeAttempt(
            WakeResult.LEFT_ALONE,
            "The variant has no scalable target, so the number of instances that may run is unknown.",
        )
    if bounds.scale_out_suspended:
        return WakeAttempt(WakeResult.LEFT_ALONE, "Scaling out is suspended at the scalable target.")
    wanted = min(max(1, bounds.minimum, -(-waiting // backlog_per_instance)), bounds.maximum)
    if wanted < 1:
        return WakeAttempt(WakeResult.LEFT_ALONE, "The scalable target allows no instance.")
    return wanted


def wake(
    variant: WakeableVariant, *, waiting: Callable[[], int], backlog_per_instance: Callable[[], int]
) -> WakeAttempt:
    """Wakes a variant if it sleeps. For an endpoint that is awake it calls DescribeEndpoint and nothing else.

    The caller then holds the wake alarm: see `hold_wake_alarm`.

    Args:
        variant: The variant.
        waiting: Returns the number of waiting jobs; called only if the variant sleeps.
        backlog_per_instance: Returns how many of them one instance should have; likewise.

    Raises:
        Exception: Any error of the calls, except that SageMaker rejects the change.
    """
    if reason := reason_not_to_wake(variant.capacity()):
        return reason
    wanted = instances_to_wake(variant.bounds(), waiting=waiting(), backlog_per_instance=backlog_per_instance())
    if isinstance(wanted, WakeAttempt):
        return wanted
    try:
        variant.set_instances(wanted)
    except CapacityRejected as error:
        return WakeAttempt(WakeResult.BUSY, f"SageMaker does not change the endpoint now: {error}")
    counted = f"{wanted} instance{' is' if wanted == 1 else 's are'} wanted"
    return WakeAttempt(WakeResult.WOKEN, f"The endpoint slept and is woken: {counted}.")
