"""How much a scalable target and a step policy may hold, and how small the numbers of a request may be.

Source: Application Auto Scaling user guide, "Quotas for Application Auto Scaling".
"""

from collections.abc import Mapping
from typing import Any

from async_endpoint.autoscaling.errors import LimitExceededException, ValidationException

POLICIES = 50
SCHEDULED_ACTIONS = 200
STEP_ADJUSTMENTS = 20


def check_policies(count: int) -> None:
    """Checks a target's number of scaling policies.

    Raises:
        LimitExceededException: `count` is above the quota.
    """
    _check(count, POLICIES, "A scalable target", "scaling policies")


def check_scheduled_actions(count: int) -> None:
    """Checks a target's number of scheduled actions.

    Raises:
        LimitExceededException: `count` is above the quota.
    """
    _check(count, SCHEDULED_ACTIONS, "A scalable target", "scheduled actions")


def check_step_adjustments(count: int) -> None:
    """Checks a step policy's number of step adjustments.

    Raises:
        LimitExceededException: `count` is above the quota.
    """
    _check(count, STEP_ADJUSTMENTS, "A step scaling policy", "step adjustments")


def _check(count: int, quota: int, holder: str, held: str) -> None:
    if count > quota:
        raise LimitExceededException(f"{holder} can have at most {quota} {held}.")


def check_at_least(least: int, members: Mapping[str, Any], *names: str) -> None:
    """Checks that the numbers among a request's members that are given are not too small.

    Raises:
        ValidationException: One is below `least`.
    """
    for name in names:
        value = members.get(name)
        if value is not None and value < least:
            raise ValidationException(f"{name} must be {least} or more, not {value}.")
