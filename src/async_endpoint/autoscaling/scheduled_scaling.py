"""Scaling by schedule: the operations on scheduled actions, and what those do when they are due."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from async_endpoint.autoscaling.activities import ActivityLog, bounds, schedule_cause
from async_endpoint.autoscaling.arns import ArnFactory
from async_endpoint.autoscaling.describe_requests import is_selected, paginate
from async_endpoint.autoscaling.engine import ScalingEngine
from async_endpoint.autoscaling.registry import Registry
from async_endpoint.autoscaling.scheduled_actions import ScheduledAction, ScheduledActions
from async_endpoint.autoscaling.targets import TargetKey


class ScheduledScaling:
    """The scheduled actions of registered targets; the operations' contracts are those of `AutoScaler`'s."""

    def __init__(self, registry: Registry, engine: ScalingEngine, log: ActivityLog, arns: ArnFactory) -> None:
        self._registry = registry
        self._engine = engine
        self._log = log
        self._arns = arns
        self._actions = ScheduledActions()

    def put(self, request: Mapping[str, Any], at: float) -> None:
        """Creates a scheduled action or changes one, at an epoch second."""
        key = self._registry.target(TargetKey.from_members(request)).key
        name = request["ScheduledActionName"]
        arn = self._arns.new_scheduled_action(key, name)
        action = ScheduledAction.from_members(request, arn, at, self._actions.find(key, name))
        self._actions.check_room(key, name)
        self._actions.put(action)

    def delete(self, request: Mapping[str, Any]) -> None:
        """Deletes a scheduled action."""
        self._actions.remove(TargetKey.from_members(request), request["ScheduledActionName"])

    def describe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Describes the scheduled actions that a request selects."""
        names = request.get("ScheduledActionNames")
        found = [
            action.describe()
            for action in self._actions
            if is_selected(action.target, request) and (not names or action.name in names)
        ]
        return paginate("ScheduledActions", found, request)

    def forget(self, key: TargetKey) -> None:
        """Drops the actions of a target that is no longer registered."""
        self._actions.forget(key)

    def state(self) -> list[Any]:
        """Returns every action as plain JSON for `restore`."""
        return [action.describe() for action in self._actions]

    def restore(self, state: list[Any]) -> None:
        """Restores what `state` returned."""
        for action in state:
            arn, created = action["ScheduledActionARN"], action["CreationTime"]
            self._actions.put(ScheduledAction.from_members(action, arn, created))

    def carry_out(self, minute: int) -> None:
        """Sets the bounds of every action that is due in a minute; cooldowns do not apply."""
        for action in self._actions:
            target = self._registry.target(action.target)
            if target.suspended.scheduled or not action.is_due(minute):
                continue
            least = target.min_capacity if action.least is None else action.least
            most = target.max_capacity if action.most is None else action.most
            asked = bounds(action.least, action.most)
            activity = self._log.begin(action.target, asked, schedule_cause(action.name), minute)
            if least > most:
                activity.failed(minute, f"Maximum capacity ({most}) cannot be less than minimum capacity ({least})")
                continue
            activity.carried_out()
            self._registry.put_target(dataclasses.replace(target, min_capacity=least, max_capacity=most))
            self._engine.hold_to_bounds(action.target, minute)
