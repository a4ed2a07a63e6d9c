"""The key that encrypts everything of a stage, where the stage has a key of its own, and grants to use it."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.grants import grant
from stacks.settings.data import DataSettings

_USE = ("kms:Decrypt", "kms:GenerateDataKey*")


class EncryptionKey(Construct):
    """A symmetric key, rotated every year. Roles may use it by their own policies, services by the key's policy.

    `key` refers to it by its ARN, so that its policy is complete here: a key's policy must not name what is encrypted
    under the key, or the two would wait for each other.

    Services: https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html,
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html,
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: DataSettings) -> None:
        super().__init__(scope, construct_id)
        # Without the key its data are lost: it is kept or deleted together with them.
        keep = settings.removal_policy == "retain"
        self.resource = kms.Key(
            self,
            "Key",
            description="Asynchronous endpoint: documents, results, notifications, jobs and logs of a stage",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        self._allow_senders_to_queues()
        self._allow_alarms()
        self._allow_logs()
        self.key = kms.Key.from_key_arn(self, "Reference", self.resource.key_arn)

    def _allow_senders_to_queues(self) -> None:
        """SNS and EventBridge encrypt as themselves what they send to a queue."""
        for sid, service in (("FeedQueuesFromTopics", "sns"), ("FeedQueuesFromEvents", "events")):
            self.resource.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=list(_USE),
                    resources=["*"],  # in a key's policy: this key
                    conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
                )
            )

    def _allow_alarms(self) -> None:
        self.resource.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TellAlarms",
                # No condition: AWS documents no source account or ARN in CloudWatch's requests to KMS.
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=list(_USE),
                resources=["*"],
            )
        )

    def _allow_logs(self) -> None:
        stack = Stack.of(self)
        groups = stack.format_arn(
            service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        self.resource.add_to_resource_policy(
            iam.PolicyStatement(
                sid="WriteLogs",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )


def grant_use(key: kms.IKey, grantee: iam.IGrantable) -> None:
    """Allows the grantee to write and read what the key encrypts in S3, SNS and SQS."""
    grant(
        grantee,
        iam.PolicyStatement(sid="UseKey", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key.key_arn]),
    )


def grant_use_for_topics(key: kms.IKey, grantee: iam.IGrantable) -> None:
    """Allows the grantee to publish to topics under the key; only SNS can use the key for it.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    _grant_use_through("sns", key, grantee, sid="UseTopicKey", actions=["kms:Decrypt", "kms:GenerateDataKey"])


def grant_use_for_environment(key: kms.IKey, grantee: iam.IGrantable) -> None:
    """Allows a function's role to decrypt the function's environment, if Lambda does so as that role.

    Open: the guide does not say which principal decrypts, nor that Lambda creates a grant for a customer managed key.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
    """
    _grant_use_through("lambda", key, grantee, sid="ReadEnvironment", actions=["kms:Decrypt"])


def grant_use_for_secrets(key: kms.IKey, grantee: iam.IGrantable) -> None:
    """Allows the grantee to read secrets under the key; only Secrets Manager can use the key for it.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    """
    _grant_use_through("secretsmanager", key, grantee, sid="UseSecretKey", actions=["kms:Decrypt"])


def grant_use_for_tables(key: kms.IKey, grantee: iam.IGrantable) -> None:
    """Allows the grantee to work on DynamoDB tables under the key; only DynamoDB can use the key for it.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    actions = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"]
    _grant_use_through("dynamodb", key, grantee, sid="UseTableKey", actions=[f"kms:{action}" for action in actions])


def _grant_use_through(
    service: str, key: kms.IKey, grantee: iam.IGrantable, *, sid: str, actions: Sequence[str]
) -> None:
    via = f"{service}.{Stack.of(key).region}.amazonaws.com"
    grant(
        grantee,
        iam.PolicyStatement(
            sid=sid,
            actions=list(actions),
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": via}},
        ),
    )
