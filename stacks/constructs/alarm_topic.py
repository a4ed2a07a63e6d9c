"""The topic that every alarm of a stage notifies."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.rules import suppress
from stacks.settings.alarms import AlarmSettings


class NotifiedTopic(sns.Topic):
    """A topic for alarms, which knows where their runbooks are."""

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey | None, settings: AlarmSettings) -> None:
        # CloudWatch cannot publish under the account's AWS-managed key for SNS.
        super().__init__(scope, construct_id, enforce_ssl=True, master_key=key)
        self._settings = settings

    def runbook(self, section: str) -> str:
        """Returns where to read a section of docs/operations.md."""
        return self._settings.runbook(section)


class AlarmTopic(Construct):
    """A topic that the account's alarms may publish to; it sends e-mail if the stage has an address.

    SNS first sends the address a message to confirm the subscription.
    """

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey | None, settings: AlarmSettings) -> None:
        super().__init__(scope, construct_id)
        self.topic = NotifiedTopic(self, "Topic", key=key, settings=settings)
        if key is None:
            suppress(
                self.topic,
                {
                    "CKV_AWS_26": 'encryption is "aws-managed" for this stage, and CloudWatch cannot use the '
                    "AWS-managed key of SNS; messages name alarms and figures, never a document."
                },
            )
        stack = Stack.of(self)
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TellOfAlarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {
                        "aws:SourceArn": f"arn:aws:cloudwatch:{stack.region}:{stack.account}:alarm:*",
                    },
                },
            )
        )
        if settings.email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.email))
        CfnOutput(
            self, "AlarmTopicArn", value=self.topic.topic_arn, description="Topic for alarms: subscribe to it"
        ).override_logical_id("AlarmTopicArn")
