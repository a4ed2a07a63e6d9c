"""The webhook: a rule that sends the signed body of each outcome to an API destination, and a DLQ with an alarm.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

from aws_cdk import ArnFormat, Duration, SecretValue, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.alarm_topic import NotifiedTopic
from stacks.constructs.alarms import NotifyingAlarm
from stacks.constructs.encryption_key import grant_use_for_secrets
from stacks.constructs.grants import grant
from stacks.constructs.queues import encrypted_queue
from stacks.rules import suppress
from stacks.settings.notifications import NotificationSettings

# What the function puts into its events.
_SOURCE, _DETAIL_TYPE, _BODY = "async-endpoint", "Job Finished", "webhook"
_DEAD_LETTER_RETENTION = Duration.days(14)
_SENDER = "async-endpoint"
_IS_ONE = "It is a dead-letter queue: of a rule's target."


class Webhook(Construct):
    """Sends the outcomes of one endpoint. What the webhook never accepted is in `dead_letters`, and raises an alarm.

    A connection needs an authorization, and would keep a copy of a secret. It has a header without a secret, which
    names the sender; the signature in the body is what the webhook verifies.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        settings: NotificationSettings,
        key: kms.IKey | None,
        topic: NotifiedTopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = encrypted_queue(self, "DeadLetters", key=key, retention_period=_DEAD_LETTER_RETENTION)
        suppress(self.dead_letters, {"AwsSolutions-SQS3": _IS_ONE})
        destination = self._destination(settings)
        events.Rule(
            self,
            "Rule",
            description=f"Sends the outcomes of endpoint {endpoint_name} to the webhook",
            event_pattern=events.EventPattern(
                source=[_SOURCE],
                detail_type=[_DETAIL_TYPE],
                detail={"endpoint_name": [endpoint_name], _BODY: {"signature": events.Match.exists()}},
            ),
            targets=[
                targets.ApiDestination(
                    destination,
                    # The body alone: its signed text is a string, which stays the same in any JSON.
                    event=events.RuleTargetInput.from_event_path(f"$.detail.{_BODY}"),
                    event_role=self._role(destination),
                    retry_attempts=settings.webhook_max_retries,
                    max_event_age=Duration.seconds(settings.webhook_max_age_seconds),
                    dead_letter_queue=self.dead_letters,
                )
            ],
        )
        self._alarm(topic)

    def _destination(self, settings: NotificationSettings) -> events.ApiDestination:
        connection = events.Connection(
            self,
            "Connection",
            description="Names the sender; the body is signed",
            authorization=events.Authorization.api_key("Webhook-Sender", SecretValue.unsafe_plain_text(_SENDER)),
        )
        return events.ApiDestination(
            self,
            "Destination",
            connection=connection,
            endpoint=str(settings.webhook_url),
            http_method=events.HttpMethod.POST,
            description="Gets the outcome of each job",
        )

    def _role(self, destination: events.ApiDestination) -> iam.IRole:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
            description="Role of the rule that calls the webhook",
        )
        policy = iam.ManagedPolicy(
            self, "Permissions", description="What the rule of the webhook may call", roles=[role]
        )
        grant(
            policy,
            iam.PolicyStatement(
                sid="CallWebhook",
                actions=["events:InvokeApiDestination"],
                resources=[destination.api_destination_arn],
            ),
        )
        # The target would add a policy of its own, inline.
        return role.without_policy_updates()

    def _alarm(self, topic: NotifiedTopic) -> None:
        NotifyingAlarm(
            self,
            "Alarm",
            metric=self.dead_letters.metric_approximate_number_of_messages_visible(
                statistic=cloudwatch.Stats.MAXIMUM, period=Duration.minutes(1)
            ),
            threshold=1,
            description="The webhook did not accept outcomes. They are in this alarm's DLQ for "
            f"{_DEAD_LETTER_RETENTION.to_days():g} days, each with the error of its last try. Find the cause at the "
            "receiver, then announce the jobs again.",
            runbook="the-webhook-fails",
            topic=topic,
        )


def let_sign(function: lambda_.Function, policy: iam.ManagedPolicy, *, secret: str, key: kms.IKey | None) -> None:
    """Gives a function the name of the webhook's secret, and the permission to read it.

    Args:
        function: Signs.
        policy: The policy of its role.
        secret: Name or ARN of the secret.
        key: Of the stage, which may encrypt the secret.
    """
    # Secrets Manager adds a hyphen and six characters to the name.
    arn = secret if secret.startswith("arn:") else f"{_secret_arn(policy, secret)}-??????"
    grant(policy, iam.PolicyStatement(sid="ReadSecret", actions=["secretsmanager:GetSecretValue"], resources=[arn]))
    if key:
        grant_use_for_secrets(key, policy)
    function.add_environment("WEBHOOK_SECRET", secret)


def _secret_arn(scope: Construct, name: str) -> str:
    return Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
