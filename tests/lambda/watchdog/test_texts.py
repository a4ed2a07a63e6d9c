"""The text of the notification."""

from datetime import timedelta

from tests.support.watchdog_world import watched
from watchdog.texts import minutes


def test_the_notification_says_what_happened_what_is_done_and_what_to_do() -> None:
    world = watched()
    world.watch(95)

    ((_, _, message),) = world.notices
    assert message == (
        "1 instance runs for endpoint receipts (the minimum is 0). For 95 minutes the watchdog has seen no work: "
        "no job is open, none has finished, and the queues are empty. Instances cost money. The watchdog sets the "
        "instance count to 0, and tries again every few minutes until that succeeds or it sees work. Find out why "
        "scaling has not stopped them. Runbook: https://example.com/operations.md#instances-run-without-work"
    )


def test_one_minute_is_not_minutes() -> None:
    assert [minutes(timedelta(seconds=each)) for each in (59, 60, 119, 120)] == [
        "0 minutes",
        "1 minute",
        "1 minute",
        "2 minutes",
    ]
