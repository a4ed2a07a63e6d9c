"""What every template must satisfy before it leaves the synth.

An accepted finding stands beside its resource, as `accept(resource, {finding: reason})`.
"""

import json
from collections.abc import Mapping
from typing import Any

import jsii
from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct, IValidation


def add_rules(app: App) -> None:
    """Lets the synth fail on each finding of the AWS Solutions rules that nobody has accepted."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def accept(resource: IConstruct, findings: Mapping[str, str]) -> None:
    """Accepts findings (id → reason that a reviewer can check) at one resource and below it."""
    Validations.of(resource).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in findings.items())
    )


def accept_wildcards(policy: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accepts wildcard resources (ARN → reason) in a policy, each by the very ARN that stands in the policy.

    A finding's id spells out how the ARN reads in the template. For a resource of another stack that is settled only
    while the app is synthesised, just before its validation: this waits until then.
    """
    policy.node.add_validation(_AcceptedWildcards(policy, reasons))


@jsii.implements(IValidation)
class _AcceptedWildcards:
    """Finds nothing wrong; it is called when references between stacks have been settled."""

    def __init__(self, policy: IConstruct, reasons: Mapping[str, str]) -> None:
        self._policy = policy
        self._reasons = reasons

    def validate(self) -> list[str]:
        """Records the acceptances."""
        stack = Stack.of(self._policy)
        accept(
            self._policy,
            {
                f"AwsSolutions-IAM5[Resource::{_as_in_finding(stack.resolve(arn))}]": reason
                for arn, reason in self._reasons.items()
            },
        )
        return []


def _as_in_finding(value: Any) -> str:  # noqa: ANN401 - CloudFormation's own JSON
    """A resolved ARN as cdk-nag writes it into a finding's id."""
    match value:
        case str():
            return value
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(map(_as_in_finding, parts))
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return f"<{logical_id}.{attribute}>"
        case {"Ref": logical_id}:
            return f"<{logical_id}>"
        case _:
            return json.dumps(value, separators=(",", ":"))
