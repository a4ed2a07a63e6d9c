"""The settings of updates: how a new model takes over from the old one, and what sends it back.

Limits: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from stacks.settings.base import Section
from stacks.settings.fields import YES_OR_NO, OneOf, SettingsError, WholeNumber

ALL_AT_ONCE = "all-at-once"
CANARY = "canary"
LINEAR = "linear"
ROLLING = "rolling"
_LEAST_LINEAR_STEP = 10
# A failure is in a one-minute metric, which reaches its alarm one to three minutes later: docs/evidence.md.
_LEAST_BAKING_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class UpdateSettings(Section):
    """How the endpoint changes to a new configuration."""

    table: ClassVar[str] = "updates"

    strategy: Annotated[str, OneOf((ALL_AT_ONCE, CANARY, LINEAR, ROLLING))] = ALL_AT_ONCE
    step_percent: Annotated[int, WholeNumber(5, 50, "of the instances, for all strategies but all-at-once")] = 50
    wait_seconds: Annotated[int, WholeNumber(0, 3600, "between steps, while rollback alarms are watched")] = 300
    termination_wait_seconds: Annotated[
        int, WholeNumber(0, 3600, "old instances stay as long after the switch, while rollback alarms are watched")
    ] = 300
    maximum_execution_seconds: Annotated[int, WholeNumber(600, 28_800, "for one update")] = 3600
    rollback_on_alarms: Annotated[bool, YES_OR_NO] = True
    rollback_failures: Annotated[int, WholeNumber(1, 100_000, "failed requests in a minute that end an update")] = 5
    retain_capacity: Annotated[bool, YES_OR_NO] = False

    def __post_init__(self) -> None:
        """Checks the fields, that a linear step is one that SageMaker takes, and that alarms have time to go off."""
        super().__post_init__()
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

    @property
    def baking_seconds(self) -> int:
        """How long the rollback alarms watch new instances while old ones are still there."""
        if self.strategy == ROLLING:
            return self.wait_seconds
        return self.termination_wait_seconds + (self.wait_seconds if self.in_steps else 0)

    @property
    def in_steps(self) -> bool:
        """Whether instances change a part at a time, which takes two of them at least."""
        return self.strategy != ALL_AT_ONCE
