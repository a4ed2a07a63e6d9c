"""How much a scalable target and a step policy may hold.

Source: Application Auto Scaling user guide, "Quotas for Application Auto Scaling".
"""

from async_endpoint.cloudwatch.errors import LimitExceededException

POLICIES = 50
SCHEDULED_ACTIONS = 200
STEP_ADJUSTMENTS = 20


def check_policies(count: int) -> None:
    """Hold a target to its number of scaling policies.

    Raises:
        LimitExceededException: `count` is above it.
    """
    _check(count, POLICIES, "A scalable target", "scaling policies")


def check_scheduled_actions(count: int) -> None:
    """Hold a target to its number of scheduled actions.

    Raises:
        LimitExceededException: `count` is above it.
    """
    _check(count, SCHEDULED_ACTIONS, "A scalable target", "scheduled actions")


def check_step_adjustments(count: int) -> None:
    """Hold a step policy to its number of step adjustments.

    Raises:
        LimitExceededException: `count` is above it.
    """
    _check(count, STEP_ADJUSTMENTS, "A step scaling policy", "step adjustments")


def _check(count: int, quota: int, holder: str, held: str) -> None:
    if count > quota:
        raise LimitExceededException(f"{holder} can have at most {quota} {held}.")
