"""The settings of updates: how a new model takes over from the old one, and what sends it back.

Limits: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from stacks.fields import YES_OR_NO, OneOf, SettingsError, WholeNumber
from stacks.sections.base import Section

ALL_AT_ONCE = "all-at-once"
CANARY = "canary"
LINEAR = "linear"
ROLLING = "rolling"
_LEAST_LINEAR_STEP = 10


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
        """Checks the fields, and that a linear update's step is one that SageMaker takes."""
        super().__post_init__()
        if self.strategy == LINEAR and self.step_percent < _LEAST_LINEAR_STEP:
            raise SettingsError(
                f'updates.step_percent is {self.step_percent} and updates.strategy "{LINEAR}"; a linear step is from '
                f"{_LEAST_LINEAR_STEP} to 50 percent: raise it."
            )

    @property
    def in_steps(self) -> bool:
        """Whether instances change a part at a time, which takes two of them at least."""
        return self.strategy != ALL_AT_ONCE
