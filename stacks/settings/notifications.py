"""The settings of the topics for results and failures, and of the webhook."""

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from stacks.settings.base import Section
from stacks.settings.fields import ListOf, SettingsError, advice, matching

SUCCESS: Final = "success"
ERROR: Final = "error"
Topic = Literal["success", "error"]

# EventBridge takes * for a part of the path that a rule fills in. The loopback is for the local AWS; AWS rejects it.
_HOST = r"(https://[A-Za-z0-9.-]+|http://127\.0\.0\.1)(:[0-9]{1,5})?"
WebhookUrl = Annotated[
    str,
    matching(
        _HOST + r"(/[A-Za-z0-9._~!$&'()+,;=:@%/?-]{0,1000})?",
        "an address that begins with https://, or with http://127.0.0.1 for a local AWS",
    ),
]
SecretName = Annotated[
    str,
    matching(
        r"(arn:aws:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}",
        "the name or the ARN of a secret in Secrets Manager, not the secret itself",
    ),
]


class NotificationSettings(Section):
    """Which outcomes are published to an SNS topic, with what, which topics have a queue, and what a webhook gets."""

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

    tag_documents: bool = Field(
        False,
        description="Whether each document of the inbox gets the tag `async-endpoint-state` with its job's state.",
    )
    webhook_url: WebhookUrl | None = Field(
        None,
        description="Gets a signed POST for each job that has an outcome: [webhook](events.md#a-webhook). Needs the "
        "workflow and `webhook_secret`.",
    )
    webhook_secret: SecretName | None = Field(
        None, description="Name or ARN of the secret in Secrets Manager that signs for the webhook."
    )
    webhook_max_retries: int = Field(
        185,
        ge=0,
        le=185,
        json_schema_extra=advice("further tries of a request that the webhook did not accept"),
        description="Further tries of a request that the webhook did not accept.",
    )
    webhook_max_age_seconds: int = Field(
        86_400,
        ge=60,
        le=86_400,
        json_schema_extra=advice("age at which a request is no longer tried"),
        description="Age at which such a request is no longer tried, but goes to a dead-letter queue and raises an "
        "alarm.",
    )

    @model_validator(mode="after")
    def _check_webhook(self) -> Self:
        """Checks that the webhook has an address and a secret, or neither."""
        if (self.webhook_url is None) != (self.webhook_secret is None):
            names = ["webhook_secret", "webhook_url"]
            given, missing = names if self.webhook_secret else reversed(names)
            raise SettingsError(
                f"notifications.{given} is set and notifications.{missing} is not; a webhook needs both: add "
                f"{missing}, or take {given} out."
            )
        return self

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
