import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from stacks.constructs.grants import grant

SERVICE = iam.ServicePrincipal("lambda.amazonaws.com")


@pytest.fixture
def stack() -> cdk.Stack:
    return cdk.Stack()


def statement() -> iam.PolicyStatement:
    return iam.PolicyStatement(sid="Read", actions=["s3:GetObject"], resources=["arn:aws:s3:::documents-1/a"])


def test_a_role_or_a_managed_policy_takes_a_grant(stack: cdk.Stack) -> None:
    grant(iam.Role(stack, "Role", assumed_by=SERVICE), statement())
    grant(iam.ManagedPolicy(stack, "Managed"), statement())
    template = Template.from_stack(stack)
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        (policy,) = template.find_resources(kind).values()
        assert [each["Sid"] for each in policy["Properties"]["PolicyDocument"]["Statement"]] == ["Read"]


def test_a_grant_that_would_be_lost_is_an_error() -> None:
    with pytest.raises(ValueError, match="takes no policy; grant to a role"):
        grant(SERVICE, statement())
