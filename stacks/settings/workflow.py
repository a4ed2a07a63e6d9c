"""The settings of the queues and functions around the endpoint.

The limits are those of the Lambda and SQS APIs, unless a field says otherwise.
"""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from stacks.settings.base import Section
from stacks.settings.fields import LogRetentionDays, SettingsError, advice

_DAY = 86_400
_DAYS_OF_TRIES = 6  # a queue keeps a message for seven


class WorkflowSettings(Section):
    """The queues and functions around the endpoint, and how long a job is recorded."""

    table: ClassVar[str] = "workflow"

    enabled: bool = Field(
        True,
        description="Whether there is a workflow stack. Without it, documents are processed only when a client "
        "submits them, and no jobs are recorded.",
    )
    job_retention_days: int = Field(365, ge=1, le=3650, description="How long the jobs table keeps a job.")
    admission: bool = Field(
        True,
        description="Whether documents of `inbox/` [wait for admission](architecture.md#two-lanes) while the endpoint "
        "has enough of them, so that an urgent one is soon processed. Without it, each is submitted at once, and an "
        "urgent one waits in the endpoint's queue behind all others.",
    )
    max_attempts: int = Field(
        5,
        ge=1,
        le=1000,
        json_schema_extra=advice("deliveries of a message before it goes to the dead-letter queue"),
        description="Deliveries of a message before it goes to the dead-letter queue and raises an alarm.",
    )
    max_submissions: int = Field(
        3,
        ge=1,
        le=10,
        json_schema_extra=advice("attempts of a document whose failure another attempt may cure"),
        description="Attempts of a document whose failure another attempt may cure, such as a status of 500 or a lost "
        "instance. 1 never submits a document again.",
    )
    retry_delay_seconds: int = Field(
        30,
        ge=0,
        le=900,
        json_schema_extra=advice("how long the second attempt waits; SQS delays a message for up to 900 seconds"),
        description="How long the second attempt of a document waits. Each further one waits four times as long, up to "
        "900 seconds.",
    )
    batch_size: int = Field(
        10,
        ge=1,
        le=10,
        json_schema_extra=advice("messages that a function receives together"),
        description="Messages that a function receives together.",
    )
    max_concurrency: int = Field(
        10,
        ge=2,
        le=1000,
        json_schema_extra=advice("batches at a time; Lambda allows no limit of 1"),
        description="Batches that a function processes at a time.",
    )
    timeout_seconds: int = Field(
        30,
        ge=3,
        le=900,
        json_schema_extra=advice("how long a function may take for one batch"),
        description="How long a function may take for one batch.",
    )
    memory_mb: int = Field(
        256, ge=128, le=10_240, description="Memory of each function. Its share of a CPU grows with it."
    )
    log_retention_days: LogRetentionDays = Field(30, description="Age at which the functions' logs are deleted.")

    @model_validator(mode="after")
    def _check_tries(self) -> Self:
        """Checks that a message has its last delivery before its queue deletes it."""
        days = self.max_attempts * self.visibility_seconds / _DAY
        if days > _DAYS_OF_TRIES:
            raise SettingsError(
                f"workflow.max_attempts is {self.max_attempts} and workflow.timeout_seconds {self.timeout_seconds}; "
                f"all tries of a message may take {_DAYS_OF_TRIES} days, and would take {days:.1f}: lower the one or "
                "the other."
            )
        return self

    @property
    def visibility_seconds(self) -> int:
        """How long a message stays invisible once a function has it: six timeouts, as Lambda's guide advises."""
        return 6 * self.timeout_seconds

    @property
    def claim_seconds(self) -> int:
        """How long a run keeps a job to itself: longer than the run lasts, over before its message returns."""
        return 2 * self.timeout_seconds
