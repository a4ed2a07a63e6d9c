"""EventBridge's scheduled rules on a clock that is handed in."""

import importlib
import uuid
from typing import Any

import pytest

from async_endpoint.emulator.server.ministack import schedules


def test_scheduled_rules_follow_the_clock_that_is_handed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five minutes of that clock are five minutes, whatever the wall's shows; so is the time of the event."""
    eventbridge = importlib.import_module("ministack.services.eventbridge")
    for name in ("_now_ts", "_tick_scheduled_rules", "_SCHEDULER_TICK_INTERVAL", "_rule_last_fired"):
        monkeypatch.setattr(eventbridge, name, getattr(eventbridge, name))  # put back afterwards
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(eventbridge, "_invoke_target", lambda _, event, *__: events.append(event))
    moment = 4_000_000_000.0  # far ahead of the wall's
    schedules.run_schedules_by(lambda: moment, sweep_seconds=0.25)
    name = uuid.uuid4().hex
    eventbridge._ensure_default_bus()
    eventbridge._put_rule({"Name": name, "ScheduleExpression": "rate(5 minutes)"})
    eventbridge._put_targets({"Rule": name, "Targets": [{"Id": "it", "Arn": "arn:aws:lambda:us-east-1:0:function:f"}]})
    try:
        fired = []
        for seconds in (0, 299, 300, 301, 599, 600, 1800, 1801):
            moment = 4_000_000_000.0 + seconds
            before = len(events)
            eventbridge._tick_scheduled_rules()
            fired += [seconds] * (len(events) - before)
    finally:
        eventbridge._delete_rule({"Name": name})

    assert fired == [300, 600, 1800]
    assert [event["Time"] for event in events] == [4_000_000_300.0, 4_000_000_600.0, 4_000_001_800.0]
    assert eventbridge._SCHEDULER_TICK_INTERVAL == 0.25
    assert eventbridge._now_ts() < 4_000_000_000.0  # all else keeps to the wall's time
