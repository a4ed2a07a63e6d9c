"""The settings of scaling: how many instances run, and how fast that changes."""

from itertools import combinations
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from stacks.settings.base import Section
from stacks.settings.fields import SettingsError, advice
from stacks.settings.warm_window import WarmWindow

AWS: Final = "aws"
RESPONSIVE: Final = "responsive"


class ScalingSettings(Section):
    """How many instances run, and how fast that changes."""

    table: ClassVar[str] = "scaling"

    enabled: bool = Field(
        True,
        description="Whether the number of instances follows the work. Without scaling, "
        "`endpoint.initial_instance_count` instances run all the time.",
    )
    preset: Literal["responsive", "aws"] = Field(
        RESPONSIVE, description="The policies that decide: see [how it scales](architecture.md#how-it-scales)."
    )
    min_instances: int = Field(0, ge=0, le=1000, description="Fewest instances. 0 lets the endpoint sleep.")
    max_instances: int = Field(
        2,
        ge=1,
        le=1000,
        json_schema_extra=advice("at 0 no request would ever be processed"),
        description="Most instances, at least `scaling.min_instances`.",
    )
    backlog_per_instance: int = Field(
        5,
        ge=1,
        le=100_000,
        json_schema_extra=advice("waiting requests for each instance"),
        description="Waiting requests for each instance. Target tracking aims at it, and it sets the number of "
        "instances at waking.",
    )
    scale_out_cooldown_seconds: int = Field(
        300, ge=0, le=86_400, description="Cooldown after target tracking has added instances."
    )
    scale_in_cooldown_seconds: int = Field(
        300, ge=0, le=86_400, description="Cooldown after instances have been removed."
    )
    wake_cooldown_seconds: int = Field(
        900,
        ge=0,
        le=86_400,
        json_schema_extra=advice("below 900 the alarm, late to end, may start more instances"),
        description="Cooldown after the step from 0. The wake alarm can stay on for up to 15 minutes after the "
        "instances are in service and repeats its action every minute, so a shorter cooldown may start more instances.",
    )
    wake_on_submit: bool = Field(
        True,
        description="Whether the function that submits documents also [wakes a sleeping "
        "endpoint](architecture.md#waking-by-submission), in seconds. Without it, the wake alarm alone does, in "
        "minutes. No effect without scaling, or if `scaling.min_instances` is above 0.",
    )
    idle_utilization_percent: int = Field(
        20,
        ge=1,
        le=100,
        json_schema_extra=advice("of all virtual CPUs together, or of a GPU; below it, the instance is idle"),
        description="An instance is idle while it uses less than this of all its virtual CPUs together, and of a GPU. "
        "CPUUtilization counts 100 for each virtual CPU: on an ml.g4dn.xlarge, which has four, 20 percent are 80.",
    )
    # Off by default: a request that a client sent directly leaves no trace until it has ended.
    hard_stop: bool = Field(
        False,
        description="Whether [the watchdog](architecture.md#the-watchdog) stops instances that were idle for longer "
        "than `alarms.idle_minutes`, besides notifying. It sets the number of instances to the scalable target's "
        "minimum, and may cut off a request that a client sent directly.",
    )
    warm_windows: tuple[WarmWindow, ...] = Field(
        (),
        max_length=10,
        strict=False,  # TOML's arrays are lists
        description="Hours in which instances run, with or without work.",
    )

    @property
    def highest_floor(self) -> int:
        """The most instances that are ever kept without work."""
        return max([self.min_instances, *(window.min_instances for window in self.warm_windows)])

    @property
    def wakes_on_submit(self) -> bool:
        """Whether submissions wake the endpoint: only one that can sleep."""
        return self.wake_on_submit and self.enabled and self.min_instances == 0

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        """Checks that the fewest instances are not more than the most."""
        if self.min_instances > self.max_instances:
            raise SettingsError(
                f"scaling.min_instances is {self.min_instances} and scaling.max_instances {self.max_instances}; "
                "the smaller must not exceed the larger: lower min_instances or raise max_instances."
            )
        return self

    @model_validator(mode="after")
    def _check_windows(self) -> Self:
        """Checks that windows fit into the range, and beside each other."""
        if self.warm_windows and not self.enabled:
            raise SettingsError(
                "scaling.warm_windows are given and scaling.enabled is false; only scaling opens and closes them: set "
                "enabled = true or take them out."
            )
        for window in self.warm_windows:
            if not self.min_instances < window.min_instances <= self.max_instances:
                raise SettingsError(
                    f"{window.qualified('min_instances')} of {window.name} is {window.min_instances}; it must be above "
                    f"scaling.min_instances, {self.min_instances}, and not above scaling.max_instances, "
                    f"{self.max_instances}: outside that range the window would change nothing or be rejected."
                )
        for first, second in combinations(self.warm_windows, 2):
            if first.name == second.name:
                raise SettingsError(f'scaling.warm_windows has two windows named "{first.name}": rename one.')
            if first.overlaps(second):
                raise SettingsError(
                    f"scaling.warm_windows {first.name} and {second.name} overlap or touch; the end of the one would "
                    "close the other: separate them, or make them one."
                )
        return self
