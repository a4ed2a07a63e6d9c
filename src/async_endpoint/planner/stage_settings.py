"""The settings of a stage that can be read from its templates, and written into them as a synth would write them.

Names, ranges and what must hold between settings are those of docs/settings.md. A test compares each setting with a
stage that was synthesised with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from async_endpoint.planner import wake_from_zero
from async_endpoint.planner.errors import PlanError
from async_endpoint.protocol import WAKE_POLICY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_endpoint.planner.references import Template

BACKLOG_POLICY, SLEEP_POLICY = "backlog-per-instance", "sleep-when-idle"
_POLICIES = {BACKLOG_POLICY, WAKE_POLICY, SLEEP_POLICY}
# The sleep policy's cooldown is at least this: stacks/constructs/scale_to_zero.py.
_SLEEP_COOLDOWN_SECONDS = 1_200
# The watchdog must not stop an instance that processes a request: docs/settings.md, alarms.idle_minutes.
_IDLE_MARGIN_SECONDS = 600

Value = bool | int | str


@dataclass(frozen=True)
class Setting:
    """A setting: the table and the name of its line in the stage's file, and its least and most, or its choices."""

    table: str
    name: str
    least: int = 0
    most: int = 0
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> Value:
        """Returns a value.

        Raises:
            PlanError: It is not one of the setting's.
        """
        if self.choices == _SWITCH and text in _SWITCH:
            return text == "true"
        if self.choices and text in self.choices:
            return text
        if not self.choices and re.fullmatch(r"\d{1,6}", text, re.ASCII) and self.least <= int(text) <= self.most:
            return int(text)
        allowed = " or ".join(self.choices) if self.choices else f"a whole number from {self.least} to {self.most}"
        raise PlanError(f"{'.'.join(filter(None, (self.table, self.name)))} is {allowed}, and not {text!r}.")


_STEPS_NEED = 2  # a step is at most half of the instances
_SWITCH: Final = ("true", "false")
SETTINGS = {
    f"{each.table}.{each.name}": each
    for each in (
        Setting("scaling", "preset", choices=wake_from_zero.PRESETS),
        Setting("scaling", "min_instances", 0, 1_000),
        Setting("scaling", "max_instances", 1, 1_000),
        Setting("scaling", "backlog_per_instance", 1, 100_000),
        Setting("scaling", "scale_out_cooldown_seconds", 0, 86_400),
        Setting("scaling", "scale_in_cooldown_seconds", 0, 86_400),
        Setting("scaling", "wake_cooldown_seconds", 0, 86_400),
        Setting("scaling", "wake_on_submit", choices=_SWITCH),
        Setting("scaling", "hard_stop", choices=_SWITCH),
        Setting("alarms", "idle_minutes", 5, 1_400),
        Setting("endpoint", "request_ttl_seconds", 60, 21_600),
    )
}


class ImpossibleError(PlanError):
    """Settings that are possible alone, and not together: the synth would reject them."""


class StageTemplate:
    """The templates of one of this project's stages, as its settings made them.

    Args:
        template: All resources; `write` changes them.

    Raises:
        PlanError: They are of something else, or the stage is not scaled.
    """

    def __init__(self, template: Template) -> None:
        targets = [each for _, each in template.properties("AWS::ApplicationAutoScaling::ScalableTarget")]
        found = list(template.properties("AWS::ApplicationAutoScaling::ScalingPolicy"))
        self._policies = {each.get("PolicyName"): each for _, each in found}
        if len(targets) != 1 or self._policies.keys() != _POLICIES:
            raise PlanError(
                "The scaling in the templates is not that of a stage of this project with scaling.enabled = true, so "
                "its settings cannot be varied: change the template itself, and name both folders."
            )
        self._target = targets[0]
        self._alarm = next(
            alarm
            for _, alarm in template.properties("AWS::CloudWatch::Alarm")
            if {"Ref": next(name for name, each in found if each.get("PolicyName") == WAKE_POLICY)}
            in alarm.get("AlarmActions", ())
        )
        functions = [each for _, each in template.properties("AWS::Lambda::Function")]
        variables = [each.get("Environment", {}).get("Variables", {}) for each in functions]
        self._submit = next((each for each in variables if each.get("POWERTOOLS_SERVICE_NAME") == "submit"), None)
        self._watchdog = next((each for each in variables if "HARD_STOP" in each), None)
        self._with_ttl = [each for each in variables if "REQUEST_TTL_SECONDS" in each]
        config = next(each for _, each in template.properties("AWS::SageMaker::EndpointConfig"))
        self._initial = int(config["ProductionVariants"][0]["InitialInstanceCount"])
        self._in_steps = any(_is_updated_in_steps(each) for _, each in template.properties("AWS::SageMaker::Endpoint"))

    def read(self) -> dict[str, Value]:
        """Returns the settings by name, without those that the templates do not show.

        With instances that always run, nothing shows whether a submission would wake them.
        """
        tracking = self._policies[BACKLOG_POLICY]["TargetTrackingScalingPolicyConfiguration"]
        wake = self._policies[WAKE_POLICY]["StepScalingPolicyConfiguration"]
        found: dict[str, Value] = {
            "scaling.preset": wake_from_zero.preset_of(self._alarm),
            "scaling.min_instances": int(self._target["MinCapacity"]),
            "scaling.max_instances": int(self._target["MaxCapacity"]),
            "scaling.backlog_per_instance": int(tracking["TargetValue"]),
            "scaling.scale_out_cooldown_seconds": int(tracking["ScaleOutCooldown"]),
            "scaling.scale_in_cooldown_seconds": int(tracking["ScaleInCooldown"]),
            "scaling.wake_cooldown_seconds": int(wake["Cooldown"]),
        }
        if self._submit is not None and not found["scaling.min_instances"]:
            found["scaling.wake_on_submit"] = self._submit.get("WAKE_ON_SUBMIT") == "true"
        if self._watchdog is not None:
            found["scaling.hard_stop"] = self._watchdog["HARD_STOP"] == "true"
            found["alarms.idle_minutes"] = int(self._watchdog["IDLE_MINUTES"])
        if self._with_ttl:
            found["endpoint.request_ttl_seconds"] = int(self._with_ttl[0]["REQUEST_TTL_SECONDS"])
        return found

    def write(self, changed: dict[str, Value]) -> None:
        """Changes settings in the templates.

        Raises:
            ImpossibleError: The synth would reject the settings together.
            PlanError: The templates do not show what a setting needs.
        """
        known = self.read() | changed
        self._require_functions(changed)
        least, most = int(known["scaling.min_instances"]), int(known["scaling.max_instances"])
        self._check(least, most, int(known.get("alarms.idle_minutes", 0)))
        if self._submit is not None and not least and "scaling.wake_on_submit" not in known:
            raise PlanError(
                "The templates do not show whether a submission would wake instances that sleep: vary "
                "scaling.wake_on_submit as well."
            )
        self._write_scaling(known, least, most)
        wakes = not least and bool(known.get("scaling.wake_on_submit"))
        if self._submit is not None:
            self._write_wake(known, wakes=wakes)
        if self._watchdog is not None:
            self._watchdog["HARD_STOP"] = str(known["scaling.hard_stop"]).lower()
            self._watchdog["IDLE_MINUTES"] = str(known["alarms.idle_minutes"])
        for each in self._with_ttl:
            each["REQUEST_TTL_SECONDS"] = str(known["endpoint.request_ttl_seconds"])

    def _require_functions(self, changed: dict[str, Value]) -> None:
        needed: dict[str, Any] = {
            "scaling.wake_on_submit": self._submit,
            "scaling.hard_stop": self._watchdog,
            "alarms.idle_minutes": self._watchdog,
            "endpoint.request_ttl_seconds": self._with_ttl or None,
        }
        for name in changed:
            if name in needed and needed[name] is None:
                raise PlanError(
                    f"{name} cannot be varied: the function that follows it is not in the templates; name a folder "
                    "with the workflow stack."
                )

    def _check(self, least: int, most: int, idle_minutes: int) -> None:
        """Checks what must hold between settings: docs/settings.md."""
        if least > most:
            raise ImpossibleError(f"scaling.min_instances {least} exceeds scaling.max_instances {most}")
        if self._initial > most:
            raise ImpossibleError(
                f"endpoint.initial_instance_count {self._initial} exceeds scaling.max_instances {most}"
            )
        if self._in_steps and min(self._initial, least) < _STEPS_NEED:
            raise ImpossibleError(f"updates in steps need at least {_STEPS_NEED} instances, and not {least}")
        for action in self._openings():
            kept = int(action["ScalableTargetAction"]["MinCapacity"])
            if not least < kept <= most:
                raise ImpossibleError(f"a warm window keeps {kept}, which is not above {least} and at most {most}")
        timeout = int((self._watchdog or {}).get("INVOCATION_TIMEOUT_SECONDS", 0))
        if self._watchdog is not None and 60 * idle_minutes <= timeout + _IDLE_MARGIN_SECONDS:
            raise ImpossibleError(f"alarms.idle_minutes {idle_minutes} is too short for a request of {timeout} s")

    def _openings(self) -> list[dict[str, Any]]:
        actions = self._target.get("ScheduledActions", ())
        return [each for each in actions if each["ScheduledActionName"].endswith("-start")]

    def _write_scaling(self, known: dict[str, Value], least: int, most: int) -> None:
        share, in_cooldown = int(known["scaling.backlog_per_instance"]), int(known["scaling.scale_in_cooldown_seconds"])
        self._target["MinCapacity"], self._target["MaxCapacity"] = least, most
        for action in self._target.get("ScheduledActions", ()):
            action["ScalableTargetAction"]["MaxCapacity"] = most
            if action["ScheduledActionName"].endswith("-end"):
                action["ScalableTargetAction"]["MinCapacity"] = least
        tracking = self._policies[BACKLOG_POLICY]["TargetTrackingScalingPolicyConfiguration"]
        tracking["TargetValue"] = share
        tracking["ScaleOutCooldown"] = int(known["scaling.scale_out_cooldown_seconds"])
        tracking["ScaleInCooldown"] = in_cooldown
        sleep = self._policies[SLEEP_POLICY]["StepScalingPolicyConfiguration"]
        sleep["Cooldown"] = max(_SLEEP_COOLDOWN_SECONDS, in_cooldown)
        wake = self._policies[WAKE_POLICY]["StepScalingPolicyConfiguration"]
        wake["Cooldown"] = int(known["scaling.wake_cooldown_seconds"])
        preset = str(known["scaling.preset"])
        wake["StepAdjustments"] = wake_from_zero.steps(preset, most, share)
        wake_from_zero.write_alarm(self._alarm, preset)

    def _write_wake(self, known: dict[str, Value], *, wakes: bool) -> None:
        submit = self._submit or {}
        for name in ("WAKE_ON_SUBMIT", "WAKE_COOLDOWN_SECONDS"):
            submit.pop(name, None)
        if wakes:
            submit["WAKE_ON_SUBMIT"] = "true"
            submit["WAKE_COOLDOWN_SECONDS"] = str(known["scaling.wake_cooldown_seconds"])
        if wakes or "BACKLOG_PER_INSTANCE" in submit:
            submit["BACKLOG_PER_INSTANCE"] = str(known["scaling.backlog_per_instance"])
        if "MAX_INSTANCES" in submit:
            submit["MAX_INSTANCES"] = str(known["scaling.max_instances"])


def _is_updated_in_steps(endpoint: Mapping[str, Any]) -> bool:
    """Returns whether an update replaces a part of the instances at a time."""
    deployment = endpoint.get("DeploymentConfig", {})
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    return "RollingUpdatePolicy" in deployment or routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE"
