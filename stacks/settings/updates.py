"""The settings of updates: how a new model takes over from the old one, and what rolls an update back.

Limits: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from stacks.settings.base import Section
from stacks.settings.fields import SettingsError, advice

ALL_AT_ONCE: Final = "all-at-once"
CANARY: Final = "canary"
LINEAR: Final = "linear"
ROLLING: Final = "rolling"
_LEAST_LINEAR_STEP = 10
# A failure is in a one-minute metric, which reaches its alarm one to three minutes later: docs/evidence.md.
_LEAST_BAKING_SECONDS = 300


class UpdateSettings(Section):
    """How the endpoint changes to a new configuration."""

    table: ClassVar[str] = "updates"

    strategy: Literal["all-at-once", "canary", "linear", "rolling"] = Field(
        ALL_AT_ONCE,
        description="How instances are replaced. The last three replace a part at a time, and need at least two "
        "instances at the start and at all times.",
    )
    step_percent: int = Field(
        50,
        ge=5,
        le=50,
        json_schema_extra=advice("of the instances, for all strategies but all-at-once"),
        description="Share of the instances in a canary or a step. A linear step is at least 10 percent.",
    )
    wait_seconds: int = Field(
        300,
        ge=0,
        le=3600,
        json_schema_extra=advice("between steps, while rollback alarms are watched"),
        description="Wait between steps, while rollback alarms are watched.",
    )
    termination_wait_seconds: int = Field(
        300,
        ge=0,
        le=3600,
        json_schema_extra=advice("how long old instances stay after the switch, while rollback alarms are watched"),
        description="How long the old instances stay after the switch, at their usual cost, while rollback alarms are "
        "watched.",
    )
    maximum_execution_seconds: int = Field(
        3600,
        ge=600,
        le=28_800,
        json_schema_extra=advice("for one update"),
        description="Longest time that one update may take.",
    )
    rollback_on_alarms: bool = Field(
        True, description="Whether failed requests and errors of the model roll an update back."
    )
    rollback_failures: int = Field(
        5,
        ge=1,
        le=100_000,
        json_schema_extra=advice("failed requests in a minute that roll an update back"),
        description="Failed requests in one minute that roll an update back.",
    )
    retain_capacity: bool = Field(
        False,
        description="`true`: an update keeps the current number of instances. `false`: every deployment starts "
        "`endpoint.initial_instance_count` instances.",
    )

    @model_validator(mode="after")
    def _check_steps_and_alarms(self) -> Self:
        """Checks that SageMaker takes the linear step, and that rollback alarms have time to go off."""
        if self.strategy == LINEAR and self.step_percent < _LEAST_LINEAR_STEP:
            raise SettingsError(
                f'updates.step_percent is {self.step_percent} and updates.strategy "{LINEAR}"; a linear step is from '
                f"{_LEAST_LINEAR_STEP} to 50 percent: raise it."
            )
        if self.rollback_on_alarms and self.baking_seconds < _LEAST_BAKING_SECONDS:
            waits = "wait_seconds" if self.strategy == ROLLING else "termination_wait_seconds"
            raise SettingsError(
                f"updates.{waits} is {getattr(self, waits)}: with rollback_on_alarms new instances must be watched for "
                f"at least {_LEAST_BAKING_SECONDS} seconds, because failures reach the alarms minutes later, and would "
                f"be for {self.baking_seconds}. Raise it, or set rollback_on_alarms = false."
            )
        return self

    @property
    def baking_seconds(self) -> int:
        """How long the rollback alarms watch new instances while old ones still exist."""
        if self.strategy == ROLLING:
            return self.wait_seconds
        return self.termination_wait_seconds + (self.wait_seconds if self.in_steps else 0)

    @property
    def in_steps(self) -> bool:
        """Whether instances change a part at a time, for which there must be at least two."""
        return self.strategy != ALL_AT_ONCE
