"""Synchronizes the alarms of the emulated CloudWatch with those that the autoscaler evaluates.

Alarms of clients and templates go from CloudWatch to the autoscaler. Target tracking's own alarms go the other way, and
what clients do to those comes back. The autoscaler's states are published by SetAlarmState, which carries out every
action but scaling, once per change.
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

# Members of a described alarm that are not settings: the autoscaler gets an alarm again when anything else changes.
_NOT_SETTINGS = frozenset({"StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp",
                           "StateTransitionedTimestamp", "EvaluationState", "AlarmArn"})  # fmt: skip
_NOT_PUT = _NOT_SETTINGS | {"AlarmConfigurationUpdatedTimestamp"}
_NEW_ALARM = "INSUFFICIENT_DATA"
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")

logger = logging.getLogger(__name__)

Settings = Mapping[str, Any]


class AlarmStates:
    """The alarms of one region; used by one thread at a time, but for `state_updated_at`."""

    def __init__(self, clients: AwsClients, autoscaling: ApplicationAutoScaling) -> None:
        self._clients = clients
        self._autoscaling = autoscaling
        self._pulled: dict[str, Settings] = {}  # those of clients and templates
        self._own: dict[str, Settings] = {}  # target tracking's, as CloudWatch has them
        self._states: dict[str, str] = {}  # by name, as CloudWatch has them
        # The alarm whose state is published now: name, state, and since when it is in that state.
        self._publishing: tuple[str, str, float] | None = None

    def restore(self) -> None:
        """Takes target tracking's alarms, which an earlier process put into CloudWatch, for target tracking's."""
        self._own = {name: {} for name in self._autoscaling.own_alarms()}

    def state_updated_at(self, name: str, state: str) -> float | None:
        """Returns when an alarm came to the state that this object publishes now.

        None if it does not publish this state now: then it is a client that sets it. Any thread may call this.
        """
        publishing = self._publishing
        return publishing[2] if publishing is not None and publishing[:2] == (name, state) else None

    def pull(self) -> None:
        """Gives the autoscaler the alarms that CloudWatch has now."""
        try:
            pages = self._clients.cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
            alarms: list[Settings] = [alarm for page in pages for alarm in page["MetricAlarms"]]
        except (BotoCoreError, ClientError):
            logger.exception("the alarms could not be read")
            return
        self._states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
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
        """Gives CloudWatch target tracking's alarms, and the state of every alarm.

        A state that a client has set by SetAlarmState lasts until then, as on AWS until the next evaluation.
        """
        alarms = {alarm["AlarmName"]: alarm for alarm in self._autoscaling.alarms()}
        own = {name: _without(alarms[name], _NOT_PUT) for name in self._autoscaling.own_alarms() if name in alarms}
        cloudwatch = self._clients.cloudwatch
        try:
            for name, settings in own.items():
                if self._own.get(name) != settings:
                    cloudwatch.put_metric_alarm(**settings)
                    self._own[name] = settings
            for name in self._own.keys() - own.keys():
                cloudwatch.delete_alarms(AlarmNames=[name])
                del self._own[name]
            for name, pulled in self._pulled.items():
                self._push_actions(pulled, alarms.get(name, pulled))
        except (BotoCoreError, ClientError):
            logger.exception("target tracking's alarms could not be written")
        for name, alarm in alarms.items():
            if alarm["StateValue"] != self._states.get(name, _NEW_ALARM):
                self._push_state(name, alarm)

    def _pull_own(self, found: Mapping[str, bool]) -> None:
        """Tells the autoscaler what clients did to target tracking's alarms; `found` has each one's ActionsEnabled.

        Reports only changes since the last push or pull: a policy that was put again has its alarms act again.
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

    def _push_actions(self, settings: Settings, alarm: Settings) -> None:
        """Removes deleted policies from the actions of a client's alarm, as the autoscaler did from its copy."""
        changed = {
            member: list(alarm.get(member, ()))
            for member in _ACTIONS
            if list(settings.get(member, ())) != list(alarm.get(member, ()))
        }
        if changed:
            put = {key: value for key, value in settings.items() if key not in _NOT_PUT and value is not None}
            self._clients.cloudwatch.put_metric_alarm(**{**put, **changed})

    def _push_state(self, name: str, alarm: Settings) -> None:
        self._publishing = name, alarm["StateValue"], alarm["StateUpdatedTimestamp"]
        try:
            self._clients.cloudwatch.set_alarm_state(
                AlarmName=name,
                StateValue=alarm["StateValue"],
                StateReason=alarm["StateReason"],
                StateReasonData=alarm.get("StateReasonData", ""),
            )
        except (BotoCoreError, ClientError) as error:  # a client may have deleted it meanwhile
            logger.warning("the state of alarm %s could not be written: %s", name, error)
        finally:
            self._publishing = None

    def _watch(self, name: str, settings: Settings) -> None:
        try:
            self._autoscaling.put_alarm(alarm_from_settings(settings))
        except (ValidationError, ValidationException) as error:
            logger.warning("alarm %s is not evaluated: %s", name, error)
            self._autoscaling.delete_alarms([name])  # its former settings may have been evaluated


def _without(alarm: Settings, left_out: frozenset[str]) -> dict[str, Any]:
    """Returns the members that an alarm has; ministack describes a missing text as an empty one."""
    return {key: value for key, value in alarm.items() if key not in left_out and value != ""}
