"""What the function that announces outcomes needs to tag the documents."""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from stacks.constructs.bucket_path import BucketPath
from stacks.constructs.grants import grant
from stacks.rules import suppress_wildcards


def let_tag(
    function: lambda_.Function, policy: iam.ManagedPolicy, inboxes: Sequence[BucketPath], *, bucket_name: str
) -> None:
    """Gives a function the environment and the permissions to tag the documents of the inboxes.

    Args:
        function: Tags.
        policy: The policy of its role.
        inboxes: Each inbox, without a slash at its end.
        bucket_name: The name of its bucket.
    """
    grant(
        policy,
        iam.PolicyStatement(
            sid="TagDocuments",
            # With a version and without one, for a bucket that had none yet.
            actions=[
                "s3:GetObjectTagging",
                "s3:GetObjectVersionTagging",
                "s3:PutObjectTagging",
                "s3:PutObjectVersionTagging",
            ],
            resources=[inbox.objects_arn for inbox in inboxes],
        ),
    )
    reason = "Uploaders choose the keys; the function may only tag documents."
    suppress_wildcards(policy, dict.fromkeys((inbox.objects_arn for inbox in inboxes), reason))
    function.add_environment("TAGGED_BUCKET", bucket_name)
