"""The jobs table: the outcome of each document."""

from aws_cdk import RemovalPolicy
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
from stacks.constructs.encryption_key import grant_use_for_tables
from stacks.constructs.grants import grant
from stacks.rules import suppress
from stacks.settings.data import DataSettings


class JobsTable(Construct):
    """One item per job, found by its id, or by its state in the order of the last change; one item of the watchdog's.

    On demand, restorable to any second of the last 35 days, encrypted under the given key or one that DynamoDB owns.
    DynamoDB deletes expired items; the stage's data settings decide whether the table outlives its stack.
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
            # What a write changed, for the function that announces outcomes.
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
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
        suppress(self.table, findings)

    @property
    def stream_arn(self) -> str:
        """The stream of all writes."""
        stream_arn = self.table.table_stream_arn
        if stream_arn is None:
            raise TypeError("The table has a stream.")
        return stream_arn

    @property
    def streams_arn(self) -> str:
        """The ARN of every stream that the table has or had."""
        return f"{self.table.table_arn}/stream/*"

    def grant_stream(self, grantee: iam.IGrantable) -> None:
        """Allows Lambda to read the stream as the grantee.

        https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
        """
        actions = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"]
        grant(
            grantee,
            iam.PolicyStatement(
                sid="ReadStream", actions=[f"dynamodb:{action}" for action in actions], resources=[self.streams_arn]
            ),
        )
        self._grant_key(grantee)

    def grant_get(self, grantee: iam.IGrantable) -> None:
        """Allows the grantee to get one job by its id."""
        grant(
            grantee,
            iam.PolicyStatement(sid="GetJob", actions=["dynamodb:GetItem"], resources=[self.table.table_arn]),
        )
        self._grant_key(grantee)

    def grant_get_many(self, grantee: iam.IGrantable) -> None:
        """Allows the grantee to get many jobs by their ids in one call."""
        grant(
            grantee,
            iam.PolicyStatement(sid="GetJobs", actions=["dynamodb:BatchGetItem"], resources=[self.table.table_arn]),
        )
        self._grant_key(grantee)

    def grant_write(self, grantee: iam.IGrantable) -> None:
        """Allows the grantee to get and update one job by its id; not to scan, not to delete."""
        grant(
            grantee,
            iam.PolicyStatement(
                sid="RecordJobs", actions=["dynamodb:GetItem", "dynamodb:UpdateItem"], resources=[self.table.table_arn]
            ),
        )
        self._grant_key(grantee)

    def grant_read(self, grantee: iam.IGrantable) -> None:
        """Allows the grantee to get one job by its id, and to list all jobs in one state."""
        self.grant_get(grantee)
        grant(grantee, self._list_statement())

    def grant_operate(self, grantee: iam.IGrantable) -> None:
        """Allows the grantee to get and update one job by its id, and to list all jobs in one state."""
        self.grant_write(grantee)
        self.grant_list(grantee)

    def grant_list(self, grantee: iam.IGrantable) -> None:
        """Allows the grantee to list all jobs in one state."""
        grant(grantee, self._list_statement())

    def grant_watch(self, grantee: iam.IGrantable, *, item: str) -> None:
        """Allows the grantee to list the jobs in each state, and to get and update the one item with that key.

        ForAllValues is true of a request without the condition's key; Null therefore requires the key.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition_examples-multi-valued-context-keys.html
        """
        grant(
            grantee,
            self._list_statement(),
            iam.PolicyStatement(
                sid="RememberLook",
                actions=["dynamodb:GetItem", "dynamodb:UpdateItem"],
                resources=[self.table.table_arn],
                conditions={
                    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [item]},
                    "Null": {"dynamodb:LeadingKeys": "false"},
                },
            ),
        )
        self._grant_key(grantee)

    def _list_statement(self) -> iam.PolicyStatement:
        index_arn = f"{self.table.table_arn}/index/{JOBS_BY_STATE_INDEX}"
        return iam.PolicyStatement(sid="ListJobs", actions=["dynamodb:Query"], resources=[index_arn])

    def _grant_key(self, grantee: iam.IGrantable) -> None:
        if self._key:
            grant_use_for_tables(self._key, grantee)
