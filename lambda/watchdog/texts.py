"""The text of the notification."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from watchdog.ports import Fleet
    from watchdog.settings import Settings


def minutes(time: timedelta) -> str:
    """Returns a duration in whole minutes."""
    whole = int(time.total_seconds() // 60)
    return f"{whole} minute{'' if whole == 1 else 's'}"


def running(instances: int) -> str:
    """Returns the beginning of a sentence: how many instances run."""
    return f"{instances} instance{' runs' if instances == 1 else 's run'}"


def notification(fleet: Fleet, idle: timedelta, reason_to_leave: str | None, settings: Settings) -> tuple[str, str]:
    """Returns the subject (SNS takes up to 100 characters of ASCII) and the text.

    Args:
        fleet: The endpoint's capacity.
        idle: How long there was no work.
        reason_to_leave: Why the instances are not stopped; None if they are.
        settings: The settings of the function.
    """
    subject = f"{settings.endpoint_name}: {running(fleet.instances)} without work"
    least = "the variant has no scalable target" if fleet.minimum is None else f"the minimum is {fleet.minimum}"
    action = reason_to_leave or (
        f"The watchdog sets the instance count to {fleet.minimum}, and tries again every few minutes until that "
        "succeeds or it sees work."
    )
    return subject, (
        f"{running(fleet.instances)} for endpoint {settings.endpoint_name} ({least}). For {minutes(idle)} the "
        f"watchdog has seen no work: no job is open, none has finished, and the queues are empty. Instances cost "
        f"money. {action} Find out why scaling has not stopped them. Runbook: {settings.runbook}"
    )
