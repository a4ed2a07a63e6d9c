"""The settings of the queues and functions around the endpoint.

The limits are those of the Lambda and SQS APIs, unless a field says otherwise.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from stacks.settings.base import Section
from stacks.settings.fields import LOG_RETENTION, YES_OR_NO, SettingsError, WholeNumber

_DAY = 86_400
_DAYS_OF_TRIES = 6  # a queue keeps a message for seven


@dataclass(frozen=True, kw_only=True)
class WorkflowSettings(Section):
    """The queues and functions around the endpoint, both alike, and how long a job is remembered."""

    table: ClassVar[str] = "workflow"

    enabled: Annotated[bool, YES_OR_NO] = True
    job_retention_days: Annotated[int, WholeNumber(1, 3650)] = 365
    max_attempts: Annotated[int, WholeNumber(1, 1000, "deliveries of a message before it is kept aside")] = 5
    batch_size: Annotated[int, WholeNumber(1, 10, "messages that a function gets at a time")] = 10
    max_concurrency: Annotated[int, WholeNumber(2, 1000, "batches at a time; Lambda knows no limit of 1")] = 10
    timeout_seconds: Annotated[int, WholeNumber(3, 900, "how long a function may take for one batch")] = 30
    memory_mb: Annotated[int, WholeNumber(128, 10_240)] = 256
    log_retention_days: Annotated[int, LOG_RETENTION] = 30

    def __post_init__(self) -> None:
        """Checks the fields, and that a message has its last try before its queue forgets it."""
        super().__post_init__()
        days = self.max_attempts * self.visibility_seconds / _DAY
        if days > _DAYS_OF_TRIES:
            raise SettingsError(
                f"workflow.max_attempts is {self.max_attempts} and workflow.timeout_seconds {self.timeout_seconds}; "
                f"all tries of a message may take {_DAYS_OF_TRIES} days, and would take {days:.1f}: lower the one or "
                "the other."
            )

    @property
    def visibility_seconds(self) -> int:
        """How long a message that is worked on, or failed, is left alone: six timeouts, as Lambda's guide advises."""
        return 6 * self.timeout_seconds

    @property
    def claim_seconds(self) -> int:
        """How long a job is one run's own: longer than the run lasts, and over when its message comes again."""
        return 2 * self.timeout_seconds
