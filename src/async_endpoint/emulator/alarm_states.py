"""Keeps the alarms of the emulated CloudWatch and those that the autoscaler watches the same.

CloudWatch holds what clients and templates put there; the autoscaler evaluates it. Target tracking's own alarms go the
other way. States go back by SetAlarmState, which carries out every action but scaling, once a change.
"""

import logging
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from async_endpoint.emulator.application_autoscaling import ApplicationAutoScaling
from async_endpoint.emulator.backends import Backends
from async_endpoint.scaling.alarms import MetricAlarm, State
from async_endpoint.scaling.errors import ScalingError

# Members of a described alarm that are not settings: an alarm is new when anything else changes.
_NOT_SETTINGS = frozenset({"StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp",
                           "StateTransitionedTimestamp", "EvaluationState", "AlarmArn"})  # fmt: skip
_NOT_PUT = _NOT_SETTINGS | {"AlarmConfigurationUpdatedTimestamp"}

logger = logging.getLogger(__name__)


class AlarmStates:
    """Joins CloudWatch and the autoscaler of one region; used by one thread."""

    def __init__(self, backends: Backends, autoscaling: ApplicationAutoScaling) -> None:
        self._backends = backends
        self._autoscaling = autoscaling
        self._pulled: dict[str, Mapping[str, Any]] = {}
        self._own: set[str] = set()

    def pull(self) -> None:
        """Have the autoscaler watch what CloudWatch holds now."""
        try:
            pages = self._backends.cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
            found: dict[str, Mapping[str, Any]] = {
                alarm["AlarmName"]: {key: value for key, value in alarm.items() if key not in _NOT_SETTINGS}
                for page in pages
                for alarm in page["MetricAlarms"]
                if alarm["AlarmName"] not in self._own
            }
        except (BotoCoreError, ClientError):
            logger.exception("could not read the alarms")
            return
        for name, settings in found.items():
            if self._pulled.get(name) != settings:
                self._watch(name, settings)
        self._autoscaling.delete_alarms([name for name in self._pulled if name not in found])
        self._pulled = found

    def push(self, changed: Mapping[str, tuple[State, str]]) -> None:
        """Show target tracking's alarms in CloudWatch, and the states that alarms came to.

        Args:
            changed: New state and reason by the alarm's name.
        """
        cloudwatch = self._backends.cloudwatch
        own = {
            alarm["AlarmName"]: alarm for alarm in self._autoscaling.alarms() if alarm["AlarmName"] not in self._pulled
        }
        try:
            for name in own.keys() - self._own:
                cloudwatch.put_metric_alarm(**{key: value for key, value in own[name].items() if key not in _NOT_PUT})
            if gone := sorted(self._own - own.keys()):
                cloudwatch.delete_alarms(AlarmNames=gone)
            self._own = set(own)
            for name, (state, reason) in changed.items():
                if name in own or name in self._pulled:
                    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)
        except (BotoCoreError, ClientError):
            logger.exception("could not write the alarms back")

    def _watch(self, name: str, settings: Mapping[str, Any]) -> None:
        try:
            self._autoscaling.put_alarm(MetricAlarm.from_properties(settings))
        except ScalingError as error:
            logger.warning("alarm %s is not evaluated: %s", name, error)
