"""The topics that SageMaker tells of each request's end."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct


class NotificationTopics(Construct):
    """One topic for answers, one for failures; publishing takes TLS.

    They are encrypted under the account's AWS-managed key for SNS. Its policy lets every principal of the account that
    may publish use it, and SageMaker publishes as the execution role; a service that publishes as itself could not.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        key = kms.Alias.from_alias_name(self, "Key", "alias/aws/sns")
        self.success = sns.Topic(self, "Success", enforce_ssl=True, master_key=key)
        self.error = sns.Topic(self, "Error", enforce_ssl=True, master_key=key)
