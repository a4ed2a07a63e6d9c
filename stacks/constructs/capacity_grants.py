"""Permissions for functions that read or set the capacity of an endpoint.

Scaling's permissions:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html
"""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from stacks.constructs.grants import grant

READS_ANY_TARGET = "DescribeScalableTargets supports no resource: IAM accepts only * for it. It only reads."
"""Why the wildcard of `grant_read_capacity` is acceptable."""


def grant_describe_endpoint(policy: iam.ManagedPolicy, endpoint: str) -> None:
    """Grants reading an endpoint's status and its instance counts."""
    grant(
        policy,
        iam.PolicyStatement(
            sid="DescribeEndpoint", actions=["sagemaker:DescribeEndpoint"], resources=[_arn(policy, endpoint)]
        ),
    )


def grant_read_capacity(policy: iam.ManagedPolicy, endpoint: str) -> None:
    """Grants reading an endpoint's status, its instance counts, and its scalable target."""
    grant_describe_endpoint(policy, endpoint)
    grant(
        policy,
        iam.PolicyStatement(
            sid="ReadBounds", actions=["application-autoscaling:DescribeScalableTargets"], resources=["*"]
        ),
    )


def grant_set_capacity(policy: iam.ManagedPolicy, endpoint: str, *, sid: str) -> None:
    """Grants setting an endpoint's instance count; the statement's id says what for."""
    grant(
        policy,
        iam.PolicyStatement(
            sid=sid,
            actions=["sagemaker:UpdateEndpointWeightsAndCapacities"],
            resources=[_arn(policy, endpoint)],
        ),
    )


def _arn(policy: iam.ManagedPolicy, endpoint: str) -> str:
    return Stack.of(policy).format_arn(service="sagemaker", resource="endpoint", resource_name=endpoint)
