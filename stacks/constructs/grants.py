"""Permissions for a grantee, with an error where they would be lost."""

from aws_cdk import aws_iam as iam


def grant(grantee: iam.IGrantable, *statements: iam.PolicyStatement) -> None:
    """Adds statements to the grantee's policy.

    Raises:
        ValueError: The grantee takes no policy, such as a service principal.
    """
    for statement in statements:
        if not grantee.grant_principal.add_to_principal_policy(statement).statement_added:
            raise ValueError(f"{grantee} takes no policy; grant to a role, a user, a group or a managed policy.")
