"""Keeps the alarms of the emulated CloudWatch and those that the autoscaler watches the same.

CloudWatch holds what clients and templates put there; the autoscaler evaluates it. Target tracking's own alarms go the
other way, and what clients do to those comes back. States go by SetAlarmState, which carries out every action but
scaling, once a change.
"""

import logging
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.cloudwatch.errors import ValidationError
from async_endpoint.emulator.api.alarm_settings import alarm_from_settings
from async_endpoint.emulator.api.autoscaling_service import ApplicationAutoScaling
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.errors import ValidationException

# Members of a described alarm that are not settings: an alarm is new when anything else changes.
_NOT_SETTINGS = frozenset({"StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp",
                           "StateTransitionedTimestamp", "EvaluationState", "AlarmArn"})  # fmt: skip
_NOT_PUT = _NOT_SETTINGS | {"AlarmConfigurationUpdatedTimestamp"}
_NEW_ALARM = "INSUFFICIENT_DATA"
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")

logger = logging.getLogger(__name__)

Settings = Mapping[str, Any]


class AlarmStates:
    """Joins CloudWatch and the autoscaler of one region; used by one thread at a time, but for `is_showing`."""

    def __init__(self, clients: AwsClients, autoscaling: ApplicationAutoScaling) -> None:
        self._backends = clients
        self._autoscaling = autoscaling
        self._pulled: dict[str, Settings] = {}  # the clients' alarms
        self._own: dict[str, Settings] = {}  # target tracking's, as they were put into CloudWatch
        self._shown: dict[str, str] = {}  # the state that CloudWatch shows, by name
        # Name and state of the alarm that is shown now, and since when it is in it.
        self._showing: tuple[str, str, float] | None = None

    def adopt(self) -> None:
        """Know target tracking's alarms, which an earlier life put into CloudWatch, for what they are."""
        self._own = {name: {} for name in self._autoscaling.own_alarms()}

    def is_showing(self, name: str, state: str) -> bool:
        """Whether it is this object that sets an alarm's state now, and not a client; may be asked by any thread."""
        return self.shown_since(name, state) is not None

    def shown_since(self, name: str, state: str) -> float | None:
        """Since when an alarm is in the state that this object sets now; None if it sets none. From any thread."""
        showing = self._showing
        return showing[2] if showing is not None and showing[:2] == (name, state) else None

    def pull(self) -> None:
        """Have the autoscaler watch what CloudWatch holds now."""
        try:
            pages = self._backends.cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
            alarms: list[Settings] = [alarm for page in pages for alarm in page["MetricAlarms"]]
        except (BotoCoreError, ClientError):
            logger.exception("could not read the alarms")
            return
        self._shown = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
        self._pull_own({alarm["AlarmName"]: alarm["ActionsEnabled"] for alarm in alarms})
        found: dict[str, Settings] = {
            alarm["AlarmName"]: _without(alarm, _NOT_SETTINGS)
            for alarm in alarms
            if alarm["AlarmName"] not in self._own
        }
        for name, settings in found.items():
            if self._pulled.get(name) != settings:
                self._watch(name, settings)
        self._autoscaling.delete_alarms([name for name in self._pulled if name not in found])
        self._pulled = found

    def push(self) -> None:
        """Show target tracking's alarms in CloudWatch, and the state that each alarm is in.

        A state that a client has set by SetAlarmState lasts until then, as on AWS until the next evaluation.
        """
        alarms = {alarm["AlarmName"]: alarm for alarm in self._autoscaling.alarms()}
        own = {name: _without(alarms[name], _NOT_PUT) for name in self._autoscaling.own_alarms() if name in alarms}
        cloudwatch = self._backends.cloudwatch
        try:
            for name, settings in own.items():
                if self._own.get(name) != settings:
                    cloudwatch.put_metric_alarm(**settings)
                    self._own[name] = settings
            for name in self._own.keys() - own.keys():
                cloudwatch.delete_alarms(AlarmNames=[name])
                del self._own[name]
            for name, pulled in self._pulled.items():
                self._show_actions(pulled, alarms.get(name, pulled))
        except (BotoCoreError, ClientError):
            logger.exception("could not write target tracking's alarms")
        for name, alarm in alarms.items():
            if alarm["StateValue"] != self._shown.get(name, _NEW_ALARM):
                self._show_state(name, alarm)

    def _pull_own(self, found: Mapping[str, bool]) -> None:
        """Tell the autoscaler what clients did to target tracking's alarms; `found` says of each whether it acts.

        Only what has changed since it was written or read: a policy that was put anew has its alarms act again.
        """
        for name, settings in tuple(self._own.items()):
            acts = found.get(name)
            if acts is None:
                del self._own[name]
            elif acts == settings.get("ActionsEnabled", True):
                continue
            else:
                self._own[name] = {**settings, "ActionsEnabled": acts}
            self._autoscaling.own_alarm_changed(name, exists=acts is not None, actions_enabled=bool(acts))

    def _show_actions(self, settings: Settings, alarm: Settings) -> None:
        """Take out of a client's alarm the policies that were deleted, as the autoscaler has done with its own."""
        changed = {
            member: list(alarm.get(member, ()))
            for member in _ACTIONS
            if list(settings.get(member, ())) != list(alarm.get(member, ()))
        }
        if changed:
            put = {key: value for key, value in settings.items() if key not in _NOT_PUT and value is not None}
            self._backends.cloudwatch.put_metric_alarm(**{**put, **changed})

    def _show_state(self, name: str, alarm: Settings) -> None:
        self._showing = name, alarm["StateValue"], alarm["StateUpdatedTimestamp"]
        try:
            self._backends.cloudwatch.set_alarm_state(
                AlarmName=name,
                StateValue=alarm["StateValue"],
                StateReason=alarm["StateReason"],
                StateReasonData=alarm.get("StateReasonData", ""),
            )
        except (BotoCoreError, ClientError) as error:  # a client may have deleted it meanwhile
            logger.warning("could not write the state of alarm %s: %s", name, error)
        finally:
            self._showing = None

    def _watch(self, name: str, settings: Settings) -> None:
        try:
            self._autoscaling.put_alarm(alarm_from_settings(settings))
        except (ValidationError, ValidationException) as error:
            logger.warning("alarm %s is not evaluated: %s", name, error)
            self._autoscaling.delete_alarms([name])  # it may have been watched with settings that could be


def _without(alarm: Settings, left_out: frozenset[str]) -> dict[str, Any]:
    """The members that an alarm has; ministack shows a text that was not given as an empty one."""
    return {key: value for key, value in alarm.items() if key not in left_out and value != ""}
