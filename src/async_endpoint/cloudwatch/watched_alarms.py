"""Alarms with their states, evaluated minute by minute."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from async_endpoint.cloudwatch import alarm_reasons
from async_endpoint.cloudwatch.alarms import MetricAlarm, State
from async_endpoint.cloudwatch.evaluation import Evaluation, evaluate
from async_endpoint.cloudwatch.evaluation_rules import EvaluationRules
from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.cloudwatch.metrics import MetricStore

AlarmListener = Callable[[MetricAlarm, State, State, str], None]


@dataclass
class WatchedAlarm:
    """One alarm and its state; times are in epoch seconds.

    `evaluation` is the one that decided the state, None before the first. `recovering_since` is the moment from which
    the datapoints of an alarm in ALARM no longer breach.
    """

    alarm: MetricAlarm
    arn: str
    configured_at: float
    state_changed_at: float
    state: State = "INSUFFICIENT_DATA"
    reason: str = alarm_reasons.INITIAL
    reason_data: str | None = None
    evaluation: Evaluation | None = None
    recovering_since: float | None = None

    def is_due(self, minute: int) -> bool:
        """Returns whether the alarm is evaluated at a minute's boundary: after its creation, at its interval."""
        if minute < self.configured_at:
            return False
        return self.evaluation is None or minute % self.alarm.evaluation_interval == 0

    @property
    def signal(self) -> Evaluation | None:
        """Returns the newest evaluation while the alarm has its state: it repeats the scaling actions each minute.

        A state that a client set comes from no evaluation: its actions are invoked once, when it is set.
        """
        return self.evaluation if self.evaluation is not None and self.evaluation.state == self.state else None

    def describe(self) -> dict[str, object]:
        """Returns the alarm as a MetricAlarm of DescribeAlarms, times in epoch seconds."""
        described = self.alarm.describe() | {
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured_at,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": self.state_changed_at,
            "StateTransitionedTimestamp": self.state_changed_at,
        }
        return described | ({"StateReasonData": self.reason_data} if self.reason_data else {})


class WatchedAlarms:
    """Every alarm by name, in the order of creation."""

    def __init__(
        self,
        store: MetricStore,
        arn: Callable[[str], str],
        listener: AlarmListener | None = None,
        rules: EvaluationRules | None = None,
    ) -> None:
        self._rules = rules or EvaluationRules()
        self._store = store
        self._arn = arn
        self._listener = listener
        self._alarms: dict[str, WatchedAlarm] = {}

    def put(self, alarm: MetricAlarm, now: float) -> None:
        """Creates an alarm, or replaces the settings of the one with its name, whose state stays."""
        known = self._alarms.get(alarm.name)
        if known is None:
            self._alarms[alarm.name] = WatchedAlarm(alarm, self._arn(alarm.name), now, now)
        else:
            known.alarm, known.configured_at, known.evaluation, known.recovering_since = alarm, now, None, None

    def state(self) -> list[Any]:
        """Returns every alarm with its state, as plain JSON for `restore`."""
        return [
            [known.alarm.describe(), known.configured_at, known.state_changed_at, known.state, known.reason,
             known.reason_data]
            for known in self
        ]  # fmt: skip

    def restore(self, state: list[Any]) -> None:
        """Restores what `state` returned; each alarm keeps its state and is evaluated at the next minute."""
        for settings, *parts in state:
            alarm = MetricAlarm.from_members(settings)
            self._alarms[alarm.name] = WatchedAlarm(alarm, self._arn(alarm.name), *parts)

    def delete(self, names: Iterable[str]) -> None:
        """Deletes alarms; names that do not exist are ignored."""
        for name in names:
            self._alarms.pop(name, None)

    def switch_actions(self, name: str, *, enabled: bool) -> None:
        """Enables or disables the actions of an existing alarm; the alarm is evaluated either way."""
        known = self._alarms[name]
        known.alarm = dataclasses.replace(known.alarm, actions_enabled=enabled)

    def set_state(self, known: WatchedAlarm, state: State, reason: str, reason_data: str | None, at: float) -> bool:
        """Sets a state until the next evaluation; returns whether the state has changed."""
        if state != known.state:
            self._enter(known, state, reason, reason_data, at)
            return True
        known.reason, known.reason_data = reason, reason_data
        return False

    def get(self, name: str) -> WatchedAlarm | None:
        """Returns an alarm, or None."""
        return self._alarms.get(name)

    def __iter__(self) -> Iterator[WatchedAlarm]:
        return iter(tuple(self._alarms.values()))

    def naming(self, arn: str) -> list[WatchedAlarm]:
        """Returns the alarms that have an ARN among their actions."""
        return [known for known in self if arn in _all_actions(known.alarm)]

    def forget_action(self, arn: str) -> None:
        """Removes an ARN from every alarm's actions."""
        for known in self.naming(arn):
            alarm = known.alarm
            known.alarm = dataclasses.replace(
                alarm,
                alarm_actions=_without(alarm.alarm_actions, arn),
                ok_actions=_without(alarm.ok_actions, arn),
                insufficient_data_actions=_without(alarm.insufficient_data_actions, arn),
            )

    def evaluate(self, minute: int) -> None:
        """Evaluates the alarms that are due at a minute's boundary, and reports changes of state to the listener."""
        for known in self:
            if not known.is_due(minute):
                continue
            evaluation = evaluate(known.alarm, self._store, minute, known.state, self._rules)
            if self._is_late_to_recover(known, evaluation, minute):
                continue
            known.evaluation, known.recovering_since = evaluation, None
            if evaluation.state != known.state:
                self._enter(known, evaluation.state, evaluation.reason, evaluation.reason_data, minute)

    def _is_late_to_recover(self, known: WatchedAlarm, evaluation: Evaluation, minute: int) -> bool:
        """Returns whether an alarm stays in ALARM although its datapoints have recovered."""
        if evaluation.state == "ALARM" or known.signal is None or known.signal.state != "ALARM":
            return False
        if known.recovering_since is None:
            known.recovering_since = minute
        return minute < known.recovering_since + self._rules.recovery_minutes * MINUTE

    def _enter(self, known: WatchedAlarm, state: State, reason: str, reason_data: str | None, at: float) -> None:
        old, known.state = known.state, state
        known.reason, known.reason_data = reason, reason_data
        known.state_changed_at = at
        if self._listener is not None:
            self._listener(known.alarm, old, state, reason)


def _all_actions(alarm: MetricAlarm) -> tuple[str, ...]:
    return alarm.alarm_actions + alarm.ok_actions + alarm.insufficient_data_actions


def _without(actions: tuple[str, ...], arn: str) -> tuple[str, ...]:
    return tuple(action for action in actions if action != arn)
