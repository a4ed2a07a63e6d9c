"""The table of jobs: what became of each document."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.settings import DataSettings

# The layout is the protocol's, which the stacks do not import; a test holds the two together.
JOB_ID = "job_id"
BY_STATE = "by-state"
STATE = "state"
UPDATED_AT = "updated_at"
EXPIRES_AT = "expires_at"


class JobsTable(Construct):
    """One item for each job, found by its id, or by its state in the order of the last change.

    On demand, restorable to any second of the last 35 days, encrypted under a key that DynamoDB owns. Items go by
    themselves when they expire; the table stays or goes as the stage's data do.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: DataSettings) -> None:
        super().__init__(scope, construct_id)
        keep = settings.removal_policy == "retain"
        text = dynamodb.AttributeType.STRING
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name=JOB_ID, type=text),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=EXPIRES_AT,
            deletion_protection=keep,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        self.table.add_global_secondary_index(
            index_name=BY_STATE,
            partition_key=dynamodb.Attribute(name=STATE, type=text),
            sort_key=dynamodb.Attribute(name=UPDATED_AT, type=text),
            projection_type=dynamodb.ProjectionType.ALL,
        )

    def to_record(self) -> iam.PolicyStatement:
        """What a function needs that reads a job and writes what became of it; no scan, and nothing is deleted."""
        return iam.PolicyStatement(
            sid="RecordJobs", actions=["dynamodb:GetItem", "dynamodb:UpdateItem"], resources=[self.table.table_arn]
        )

    def to_read(self) -> list[iam.PolicyStatement]:
        """What somebody needs who asks for one job by its id, or for all jobs in one state."""
        return [
            iam.PolicyStatement(sid="GetJob", actions=["dynamodb:GetItem"], resources=[self.table.table_arn]),
            iam.PolicyStatement(
                sid="ListJobs", actions=["dynamodb:Query"], resources=[f"{self.table.table_arn}/index/{BY_STATE}"]
            ),
        ]
