"""The role that SageMaker works as, and the one policy it has.

Permissions: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint-prerequisites.html
"""

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.bucket_path import BucketPath
from stacks.constructs.encryption_key import to_use
from stacks.constructs.model_archive import ModelArchive
from stacks.rules import accept_wildcards

# Instances in a VPC: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
_NETWORK_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)


class ExecutionRole(Construct):
    """A role with an explicit policy, so that whatever SageMaker checks at its creation can wait for the policy.

    It reads documents under `read`, writes answers and failures under `written`, and publishes to `topics`; with a
    `key` it may use that; with `in_vpc` it may put network interfaces into the account's subnets. It may read the state
    of `rollback_alarms`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        archive: ModelArchive,
        read: Sequence[BucketPath],
        written: Sequence[BucketPath],
        topics: Sequence[sns.ITopic],
        key: kms.IKey | None,
        repository_arn: str,
        log_group_name: str,
        rollback_alarms: Sequence[cloudwatch.IAlarm],
        in_vpc: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description="What the asynchronous endpoint's instances and its notifications act as",
        )
        group = _log_group_arn(self, log_group_name)
        self.policy = iam.ManagedPolicy(
            self,
            "Permissions",
            description="Read the model and documents, write answers, failures, logs and metrics, tell of each end",
            roles=[self.role],
            statements=[
                *_documents(archive, read, written),
                *_notifications(topics),
                *([to_use(key)] if key else []),
                *_image(repository_arn),
                *_observability(group),
                *_rollback(rollback_alarms),
                *(_network() if in_vpc else []),
            ],
        )
        reasons = {location.objects_arn: "A request names its document by key; no more is read." for location in read}
        reasons |= {
            location.objects_arn: "SageMaker names each object itself; only answers and failures are writable."
            for location in written
        }
        if archive.listed_bucket_arn:
            reasons[archive.object_arns] = "The model is all files under its prefix; no other place is read."
        reasons[f"{group}:*"] = "The log streams of this endpoint's group and no other."
        reasons["*"] = (
            "ecr:GetAuthorizationToken and cloudwatch:PutMetricData know no resource (Service Authorization Reference);"
            " the second is held to SageMaker's namespaces by a condition."
        )
        if in_vpc:
            reasons["*"] += " SageMaker checks for its network actions with no resource named, and only with a VPC."
        accept_wildcards(self.policy, reasons)


def _documents(
    archive: ModelArchive, read: Sequence[BucketPath], written: Sequence[BucketPath]
) -> list[iam.PolicyStatement]:
    buckets = [*(location.bucket_arn for location in (*read, *written)), archive.listed_bucket_arn]
    statements = [
        iam.PolicyStatement(
            sid="ReadModelAndDocuments",
            actions=["s3:GetObject"],
            resources=[archive.object_arns, *(location.objects_arn for location in read)],
        ),
        # No condition on s3:prefix: CreateEndpoint simulates this without the key and would call the role invalid.
        iam.PolicyStatement(
            sid="ListBuckets", actions=["s3:ListBucket"], resources=list(dict.fromkeys(filter(None, buckets)))
        ),
    ]
    if written:
        statements.append(
            iam.PolicyStatement(
                sid="WriteAnswersAndFailures",
                actions=["s3:PutObject", "s3:AbortMultipartUpload"],
                resources=[location.objects_arn for location in written],
            )
        )
    return statements


def _notifications(topics: Sequence[sns.ITopic]) -> list[iam.PolicyStatement]:
    # Here and not in the topics' policies, which CreateEndpoint does not take into account.
    if not topics:
        return []
    return [iam.PolicyStatement(sid="Notify", actions=["sns:Publish"], resources=[topic.topic_arn for topic in topics])]


def _image(repository_arn: str) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="PullImage",
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=[repository_arn],
        ),
        iam.PolicyStatement(sid="SignInToRegistry", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
    ]


def _rollback(alarms: Sequence[cloudwatch.IAlarm]) -> list[iam.PolicyStatement]:
    # SageMaker reads them as this role:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
    if not alarms:
        return []
    return [
        iam.PolicyStatement(
            sid="WatchRollbackAlarms",
            actions=["cloudwatch:DescribeAlarms"],
            resources=[alarm.alarm_arn for alarm in alarms],
        )
    ]


def _network() -> list[iam.PolicyStatement]:
    return [iam.PolicyStatement(sid="StandInVpc", actions=list(_NETWORK_ACTIONS), resources=["*"])]


def _log_group_arn(scope: Construct, log_group_name: str) -> str:
    # Spelled out: the group's own ARN would make the role wait for it, and it ends in ":*".
    return Stack.of(scope).format_arn(
        service="logs", resource="log-group", resource_name=log_group_name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def _observability(group: str) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="WriteLogs",
            # The group is there before the endpoint; its creation stays allowed because SageMaker asks for it.
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[group, f"{group}:*"],
        ),
        iam.PolicyStatement(
            sid="PutMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "AWS/SageMaker"]}},
        ),
    ]
