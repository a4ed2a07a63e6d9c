"""The key that encrypts everything of a stage, where the stage wants one of its own."""

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.settings.data import DataSettings

_USE = ("kms:Decrypt", "kms:GenerateDataKey*")


class EncryptionKey(Construct):
    """A symmetric key, rotated every year. Roles are granted its use by their own policies, services by the key's.

    `key` refers to it by its ARN, so that its policy is settled here: what is encrypted under a key must not be named
    in the key's policy, or the two would wait for each other.

    Services: https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html,
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html,
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: DataSettings) -> None:
        super().__init__(scope, construct_id)
        # Whoever deletes the key deletes what it encrypts: it stays or goes as the data do.
        keep = settings.removal_policy == "retain"
        self.resource = kms.Key(
            self,
            "Key",
            description="Asynchronous endpoint: documents, answers, notifications, jobs and logs of a stage",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        self._let_queues_be_fed()
        self._let_alarms_be_told()
        self._let_logs_be_written()
        self.key = kms.Key.from_key_arn(self, "Reference", self.resource.key_arn)

    def _let_queues_be_fed(self) -> None:
        """SNS and EventBridge encrypt what they put into a queue as themselves."""
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

    def _let_alarms_be_told(self) -> None:
        self.resource.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TellAlarms",
                # No condition: that CloudWatch says for whom it publishes, when it uses a key, is documented nowhere.
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=list(_USE),
                resources=["*"],
            )
        )

    def _let_logs_be_written(self) -> None:
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


def to_use(key: kms.IKey) -> iam.PolicyStatement:
    """What a role needs to write and to read what the key encrypts in S3, SNS and SQS."""
    return iam.PolicyStatement(sid="UseKey", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key.key_arn])


def to_publish(key: kms.IKey, region: str) -> iam.PolicyStatement:
    """What a role needs to publish to a topic under the key, and through SNS alone.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    return iam.PolicyStatement(
        sid="UseTopicKey",
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=[key.key_arn],
        conditions={"StringEquals": {"kms:ViaService": f"sns.{region}.amazonaws.com"}},
    )


def to_read_environment(key: kms.IKey, region: str) -> iam.PolicyStatement:
    """What a function's role needs if Lambda decrypts the environment as that role.

    Open: the guide does not say as whom Lambda does, nor that it makes a grant of its own for a customer's key.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
    """
    return iam.PolicyStatement(
        sid="ReadEnvironment",
        actions=["kms:Decrypt"],
        resources=[key.key_arn],
        conditions={"StringEquals": {"kms:ViaService": f"lambda.{region}.amazonaws.com"}},
    )


def to_use_for_table(key: kms.IKey, region: str) -> iam.PolicyStatement:
    """What a role needs to work on a DynamoDB table under the key, and through DynamoDB alone.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    return iam.PolicyStatement(
        sid="UseTableKey",
        actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom",
                 "kms:ReEncryptTo"],
        resources=[key.key_arn],
        conditions={"StringEquals": {"kms:ViaService": f"dynamodb.{region}.amazonaws.com"}},
    )  # fmt: skip
