"""EventBridge's scheduled rules on AWS's clock."""

import threading
from collections.abc import Callable

from ministack.services import eventbridge


def run_schedules_by(now: Callable[[], float], sweep_seconds: float) -> None:
    """Lets scheduled rules follow a clock, in epoch seconds, and looks for due ones every `sweep_seconds` of the wall.

    ministack looks every ten seconds of the wall's time. A rate counts from the first sweep that sees its rule, and
    from its last event; a rule that is due several times between two sweeps has one event.
    """
    sweep, wall = eventbridge._tick_scheduled_rules, eventbridge._now_ts
    sweeping = threading.local()  # what else ministack dates, on other threads, keeps to the wall's time

    def sweep_by_clock() -> None:
        sweeping.at = now()
        try:
            for rule in list(eventbridge._rules._data):
                eventbridge._rule_last_fired.setdefault(rule, sweeping.at)
            sweep()
        finally:
            del sweeping.at

    eventbridge._tick_scheduled_rules = sweep_by_clock
    eventbridge._now_ts = lambda: getattr(sweeping, "at", None) or wall()
    eventbridge._SCHEDULER_TICK_INTERVAL = sweep_seconds
