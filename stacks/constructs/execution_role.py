"""The role that SageMaker works as, and the one policy it has.

Permissions: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint-prerequisites.html
"""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.document_buckets import DocumentBuckets
from stacks.constructs.notification_topics import NotificationTopics
from stacks.rules import accept_wildcards


class ExecutionRole(Construct):
    """A role with an explicit policy, so that whatever SageMaker checks at its creation can wait for the policy.

    The key prefixes are where the endpoint writes answers and failures, without a slash at the end.
    """

    def __init__(  # noqa: PLR0913 - what it is wired to, each by its keyword
        self,
        scope: Construct,
        construct_id: str,
        *,
        buckets: DocumentBuckets,
        written_prefixes: tuple[str, ...],
        topics: NotificationTopics,
        archive_arn: str,
        repository_arn: str,
        log_group_name: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description="What the asynchronous endpoint's instances and its notifications act as",
        )
        self.policy = iam.Policy(
            self,
            "Policy",
            roles=[self.role],
            statements=[
                *_documents(buckets, written_prefixes, archive_arn),
                _notifications(topics),
                *_image(repository_arn),
                *_observability(_log_group_arn(self, log_group_name)),
            ],
        )
        written = _written(buckets, written_prefixes)
        accept_wildcards(
            self.policy,
            {
                buckets.input.arn_for_objects(
                    "*"
                ): "A request names its document by key; only this bucket is readable.",
                **dict.fromkeys(written, "SageMaker names each object itself; only answers and failures are writable."),
                f"{_log_group_arn(self, log_group_name)}:*": "The log streams of this endpoint's group and no other.",
                "*": "ecr:GetAuthorizationToken and cloudwatch:PutMetricData know no resource (Service Authorization "
                "Reference); the second is held to SageMaker's namespaces by a condition.",
            },
        )


def _documents(
    buckets: DocumentBuckets, written_prefixes: tuple[str, ...], archive_arn: str
) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="ReadArchiveAndDocuments",
            actions=["s3:GetObject"],
            resources=[archive_arn, buckets.input.arn_for_objects("*")],
        ),
        iam.PolicyStatement(
            sid="WriteAnswersAndFailures",
            actions=["s3:PutObject", "s3:AbortMultipartUpload"],
            resources=_written(buckets, written_prefixes),
        ),
        # No condition on s3:prefix: CreateEndpoint simulates this without the key and would call the role invalid.
        iam.PolicyStatement(
            sid="ListBuckets",
            actions=["s3:ListBucket"],
            resources=[buckets.input.bucket_arn, buckets.output.bucket_arn],
        ),
    ]


def _written(buckets: DocumentBuckets, prefixes: tuple[str, ...]) -> list[str]:
    return [buckets.output.arn_for_objects(f"{prefix}/*") for prefix in prefixes]


def _notifications(topics: NotificationTopics) -> iam.PolicyStatement:
    # Here and not in the topics' policies, which CreateEndpoint does not take into account.
    return iam.PolicyStatement(
        sid="Notify", actions=["sns:Publish"], resources=[topics.success.topic_arn, topics.error.topic_arn]
    )


def _image(repository_arn: str) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            sid="PullImage",
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=[repository_arn],
        ),
        iam.PolicyStatement(sid="SignInToRegistry", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
    ]


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
