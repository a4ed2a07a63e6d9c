"""Schedules: when a cron, rate or at expression is due, in which time zone."""

from datetime import UTC, datetime

import pytest

from async_endpoint.autoscaling import ValidationException
from async_endpoint.autoscaling.schedules import Schedule


def minute(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("expression", "zone", "due", "not_due"),
    [
        ("cron(0 8 ? * MON-FRI *)", None, "2027-01-15T08:00", "2027-01-16T08:00"),
        ("cron(0 8 ? * MON-FRI *)", "Asia/Tokyo", "2027-01-14T23:00", "2027-01-15T08:00"),
        ("cron(0 8 ? * MON-FRI *)", "Asia/Tokyo", "2027-01-17T23:00", "2027-01-15T23:00"),  # Tokyo's Monday, Saturday
        ("cron(0 8 ? * SAT,SUN *)", None, "2027-01-17T08:00", "2027-01-18T08:00"),
        ("cron(0 8 ? * FRI-MON *)", None, "2027-01-18T08:00", "2027-01-19T08:00"),
        ("cron(0 8 ? * 2 *)", None, "2027-01-18T08:00", "2027-01-19T08:00"),
        ("cron(30 19 ? * * *)", "Europe/Vienna", "2027-07-01T17:30", "2027-07-01T18:30"),  # summer time
        ("cron(30 19 ? * * *)", "Europe/Vienna", "2027-01-15T18:30", "2027-01-15T17:30"),
        ("cron(0/15 * * * ? *)", None, "2027-01-15T08:45", "2027-01-15T08:50"),
        ("cron(5-10 * * * ? *)", None, "2027-01-15T08:07", "2027-01-15T08:11"),
        ("cron(0 0 1 JAN,7 ? 2027-2028)", None, "2027-07-01T00:00", "2029-01-01T00:00"),
        ("at(2027-01-15T08:00:00)", "Asia/Tokyo", "2027-01-14T23:00", "2027-01-15T08:00"),
    ],
)
def test_an_expression_is_due_at_its_minutes(expression: str, zone: str | None, due: str, not_due: str) -> None:
    schedule = Schedule.from_expression(expression, zone)
    assert schedule.is_due(minute(due), 0)
    assert not schedule.is_due(minute(not_due), 0)


@pytest.mark.parametrize(("after", "due"), [(0, False), (300, True), (360, False), (600, True)])
def test_a_rate_counts_from_its_start(after: int, *, due: bool) -> None:
    start = minute("2027-01-15T08:00")
    assert Schedule.from_expression("rate(5 minutes)", None).is_due(start + after, start + 20) == due


@pytest.mark.parametrize(
    ("expression", "zone", "why"),
    [
        ("cron(0 8 * * *)", None, "cron takes 6 fields, not 5"),
        ("cron(0 8 * * * *)", None, r"exactly one of day-of-month and day-of-week must be \?"),
        ("cron(60 8 ? * * *)", None, "60 is not from 0 to 59"),
        ("cron(0 8 ? * MO *)", None, "cannot be used: 'MO' is neither a number nor a name of the field"),
        ("cron(0 8/x ? * * *)", None, "cannot be used: 'x' is neither a number nor a name of the field"),
        ("cron(0/0 8 ? * * *)", None, "has no positive step"),
        ("cron(0 8 L * ? *)", None, "cannot be used: 'L' holds L, W or #, which the local AWS does not evaluate"),
        ("cron(0 8 1,L-3 * ? *)", None, "cannot be used: 'L-3' holds L, W or #"),
        ("cron(0 8 LW * ? *)", None, "cannot be used: 'LW' holds L, W or #"),
        ("cron(0 8 15W * ? *)", None, "cannot be used: '15W' holds L, W or #"),
        ("cron(0 8 ? * 6L *)", None, "cannot be used: '6L' holds L, W or #"),
        ("cron(0 8 ? * fril *)", None, "cannot be used: 'fril' holds L, W or #"),
        ("cron(0 8 ? * 6#3 *)", None, "cannot be used: '6#3' holds L, W or #"),
        ("cron(0 8 ? * FRI#3 *)", None, "cannot be used: 'FRI#3' holds L, W or #"),
        ("rate(0 minutes)", None, "give cron"),
        ("at(tomorrow)", None, "cannot be used"),
        ("daily", None, "give cron"),
        ("cron(0 8 ? * * *)", "Europe/Vienn", "The timezone 'Europe/Vienn' is not one"),
    ],
)
def test_an_invalid_schedule_is_rejected(expression: str, zone: str | None, why: str) -> None:
    with pytest.raises(ValidationException, match=why):
        Schedule.from_expression(expression, zone)
