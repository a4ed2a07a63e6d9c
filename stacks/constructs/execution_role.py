"""The role that SageMaker assumes, and its only policy.

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
from stacks.constructs.encryption_key import grant_use
from stacks.constructs.model_archive import ModelArchive
from stacks.rules import suppress_wildcards

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

_REQUESTS_NAME_DOCUMENTS = "A request chooses its document by key; other locations are not readable."
_SAGEMAKER_NAMES_OBJECTS = "SageMaker names each object itself; it may write only results and failures."
_ALL_FILES_OF_THE_MODEL = "The model is all files under its prefix; the role may read no others."
_NO_RESOURCE = (
    "ecr:GetAuthorizationToken and cloudwatch:PutMetricData support no resource (Service Authorization Reference); a "
    "condition restricts the second to SageMaker's namespaces."
)
_NO_RESOURCE_IN_VPC = " SageMaker checks its network actions without a resource, and only with a VPC."


class ExecutionRole(Construct):
    """A role with an explicit policy, so that resources whose creation checks the role can depend on the policy.

    It reads documents under `read`, writes results and failures under `written`, and publishes to `topics`. It may use
    the `key`, describe the `rollback_alarms` and, with `in_vpc`, create network interfaces in the account's subnets.
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
            description="Role of the asynchronous endpoint's instances and notifications",
        )
        group = _log_group_arn(self, log_group_name)
        self.policy = iam.ManagedPolicy(
            self,
            "Permissions",
            # Create-only: another text replaces the policy.
            description="Read the model and documents, write answers, failures, logs and metrics, tell of each end",
            roles=[self.role],
            statements=[*_documents(archive, read, written), *_notifications(topics)],
        )
        if key:
            grant_use(key, self.policy)
        self.policy.add_statements(*_image(repository_arn), *_observability(group), *_rollback(rollback_alarms))
        if in_vpc:
            self.policy.add_statements(*_network())
        suppress_wildcards(
            self.policy,
            {
                **{path.objects_arn: _REQUESTS_NAME_DOCUMENTS for path in read},
                **{path.objects_arn: _SAGEMAKER_NAMES_OBJECTS for path in written},
                **({archive.object_arns: _ALL_FILES_OF_THE_MODEL} if archive.listed_bucket_arn else {}),
                f"{group}:*": "The log streams of this endpoint's group and no other.",
                "*": _NO_RESOURCE + (_NO_RESOURCE_IN_VPC if in_vpc else ""),
            },
        )


def _documents(
    archive: ModelArchive, read: Sequence[BucketPath], written: Sequence[BucketPath]
) -> list[iam.PolicyStatement]:
    buckets = [*(path.bucket_arn for path in (*read, *written)), archive.listed_bucket_arn]
    statements = [
        iam.PolicyStatement(
            sid="ReadModelAndDocuments",
            actions=["s3:GetObject"],
            resources=[archive.object_arns, *(path.objects_arn for path in read)],
        ),
        # No condition on s3:prefix: CreateEndpoint simulates this without the condition's key, and rejects the role.
        iam.PolicyStatement(
            sid="ListBuckets", actions=["s3:ListBucket"], resources=list(dict.fromkeys(filter(None, buckets)))
        ),
    ]
    if written:
        statements.append(
            iam.PolicyStatement(
                sid="WriteAnswersAndFailures",
                actions=["s3:PutObject", "s3:AbortMultipartUpload"],
                resources=[path.objects_arn for path in written],
            )
        )
    return statements


def _notifications(topics: Sequence[sns.ITopic]) -> list[iam.PolicyStatement]:
    # Here and not in the topics' policies, which CreateEndpoint ignores.
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
    # SageMaker describes them with this role:
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
    # Not the group's own ARN: the role would depend on the group, and the ARN ends in ":*".
    return Stack.of(scope).format_arn(
        service="logs", resource="log-group", resource_name=log_group_name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def _observability(group: str) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="WriteLogs",
            # The stack creates the group before the endpoint; SageMaker requires the permission all the same.
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
