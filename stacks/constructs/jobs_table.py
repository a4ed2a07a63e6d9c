"""The table of jobs: what became of each document."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from async_endpoint.protocol import (
    JOBS_BY_STATE_INDEX,
    JOBS_BY_STATE_PARTITION_KEY,
    JOBS_BY_STATE_SORT_KEY,
    JOBS_PARTITION_KEY,
    JOBS_TTL_ATTRIBUTE,
)
from stacks.constructs.encryption_key import to_use_for_table
from stacks.rules import accept
from stacks.settings.data import DataSettings


class JobsTable(Construct):
    """One item for each job, found by its id, or by its state in the order of the last change; one of the watchdog's.

    On demand, restorable to any second of the last 35 days, encrypted under the given key or one
    that DynamoDB owns. Items go by
    themselves when they expire; the table stays or goes as the stage's data do.
    """

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey | None, settings: DataSettings) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        keep = settings.removal_policy == "retain"
        text = dynamodb.AttributeType.STRING
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name=JOBS_PARTITION_KEY, type=text),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if key else None,
            encryption_key=key,
            time_to_live_attribute=JOBS_TTL_ATTRIBUTE,
            deletion_protection=keep,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        self.table.add_global_secondary_index(
            index_name=JOBS_BY_STATE_INDEX,
            partition_key=dynamodb.Attribute(name=JOBS_BY_STATE_PARTITION_KEY, type=text),
            sort_key=dynamodb.Attribute(name=JOBS_BY_STATE_SORT_KEY, type=text),
            projection_type=dynamodb.ProjectionType.ALL,
        )
        findings = {
            "NIST.800.53.R5-DynamoDBInBackupPlan": "Point-in-time recovery restores any second of 35 days, and "
            "a job expires; a backup plan would keep what is meant to go.",
        }
        if not key:
            findings["CKV_AWS_119"] = (
                'encryption is "aws-managed" for this stage: DynamoDB encrypts with a key it owns.'
            )
        accept(self.table, findings)

    def to_record(self) -> list[iam.PolicyStatement]:
        """What a function needs that reads a job and writes what became of it; no scan, and nothing is deleted."""
        return [
            iam.PolicyStatement(
                sid="RecordJobs", actions=["dynamodb:GetItem", "dynamodb:UpdateItem"], resources=[self.table.table_arn]
            ),
            *self._to_use_key(),
        ]

    def to_read(self) -> list[iam.PolicyStatement]:
        """What somebody needs who asks for one job by its id, or for all jobs in one state."""
        return [
            iam.PolicyStatement(sid="GetJob", actions=["dynamodb:GetItem"], resources=[self.table.table_arn]),
            self._to_list(),
            *self._to_use_key(),
        ]

    def to_watch(self, item: str) -> list[iam.PolicyStatement]:
        """What a function needs that asks for the newest jobs in each state and keeps one item of its own, by its key.

        ForAllValues is true of a request without the condition's key, which Null therefore requires.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition_examples-multi-valued-context-keys.html
        """
        return [
            self._to_list(),
            iam.PolicyStatement(
                sid="RememberLook",
                actions=["dynamodb:GetItem", "dynamodb:UpdateItem"],
                resources=[self.table.table_arn],
                conditions={
                    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [item]},
                    "Null": {"dynamodb:LeadingKeys": "false"},
                },
            ),
            *self._to_use_key(),
        ]

    def _to_list(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid="ListJobs",
            actions=["dynamodb:Query"],
            resources=[f"{self.table.table_arn}/index/{JOBS_BY_STATE_INDEX}"],
        )

    def _to_use_key(self) -> list[iam.PolicyStatement]:
        return [to_use_for_table(self._key, Stack.of(self).region)] if self._key else []
