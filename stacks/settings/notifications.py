"""The settings of the topics for results and failures."""

from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from stacks.settings.base import Section
from stacks.settings.fields import ListOf, SettingsError

SUCCESS: Final = "success"
ERROR: Final = "error"
Topic = Literal["success", "error"]


class NotificationSettings(Section):
    """Which outcomes are published to an SNS topic, with what, and which topics have a queue."""

    table: ClassVar[str] = "notifications"

    success: bool = Field(
        True, description="Whether a topic is notified of each result. The workflow needs both topics."
    )
    error: bool = Field(True, description="Whether a topic is notified of each failure.")
    include_response: ListOf[Topic] = Field(
        (), max_length=2, description="Topics whose notifications include the result itself, up to 128 KB."
    )
    queues: ListOf[Topic] = Field(
        (),
        max_length=2,
        description="Topics with an SQS queue that keeps notifications for 7 days, and a dead-letter queue. The stack "
        "outputs `SuccessQueueUrl` and `ErrorQueueUrl`.",
    )

    @model_validator(mode="after")
    def _check_topics(self) -> Self:
        """Checks that every topic that another setting names exists."""
        for name in ("include_response", "queues"):
            for topic in getattr(self, name):
                if not getattr(self, topic):
                    raise SettingsError(
                        f'notifications.{name} names "{topic}" and notifications.{topic} is false: there is no such '
                        f"topic; set {topic} = true or take it out of {name}."
                    )
        return self
