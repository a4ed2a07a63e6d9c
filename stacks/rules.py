"""What every template must satisfy before it leaves the synth, and what the template linters are told.

An accepted finding stands beside its resource, as `accept(resource, {finding: reason})`, whichever tool finds it:
cdk-nag (AwsSolutions-…, NIST.800.53.R5-…), checkov (CKV_…) or cfn-lint (W…, E…, I…).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import jsii
from aws_cdk import Acknowledgment, App, CfnResource, Stack, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks
from constructs import IConstruct, IValidation

_CFN_LINT = re.compile(r"[EWI]\d{4}")


def add_rules(app: App, *, nist_800_53: bool) -> None:
    """Lets the synth fail on each finding that nobody has accepted: of AWS Solutions, and of NIST 800-53 if asked."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    if nist_800_53:
        Validations.of(app).add_plugins(NIST80053R5Checks(app))


def accept(resource: IConstruct, findings: Mapping[str, str]) -> None:
    """Accepts findings (id → reason that a reviewer can check).

    Those of cdk-nag at the resource and below it; those of the template linters at the one CloudFormation resource
    that it is, or is made of.
    """
    checkov, cfn_lint = [], []
    for finding, reason in findings.items():
        if finding.startswith("CKV"):
            checkov.append({"id": finding, "comment": reason})
        elif _CFN_LINT.fullmatch(finding):
            cfn_lint.append(finding)  # its metadata has no room for a reason
        else:
            Validations.of(resource).acknowledge(Acknowledgment(id=finding, reason=reason))
    if checkov:
        known = _template_resource(resource).get_metadata("checkov") or {"skip": []}
        _template_resource(resource).add_metadata("checkov", {"skip": [*known["skip"], *checkov]})
    if cfn_lint:
        _template_resource(resource).add_metadata("cfn-lint", {"config": {"ignore_checks": cfn_lint}})


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


def _template_resource(resource: IConstruct) -> CfnResource:
    found = resource if isinstance(resource, CfnResource) else resource.node.default_child
    if not isinstance(found, CfnResource):
        raise TypeError(f"{resource.node.path} is no single CloudFormation resource: accept the finding at one.")
    return found


def _as_in_finding(value: Any) -> str:
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
