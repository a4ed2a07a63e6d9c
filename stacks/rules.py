"""The rules that every template must satisfy at synthesis, and suppressions of single findings.

A suppression is next to its resource: `suppress(resource, {finding: reason})`, whichever tool reports the finding:
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
    """Makes the synth fail on every finding that is not suppressed: of AWS Solutions, and on request of NIST 800-53."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    if nist_800_53:
        Validations.of(app).add_plugins(NIST80053R5Checks(app))


def suppress(resource: IConstruct, findings: Mapping[str, str]) -> None:
    """Suppresses findings (id → reason that a reviewer can check).

    Findings of cdk-nag are suppressed at the resource and below it; those of the template linters at the one
    CloudFormation resource that it is, or that it consists of.
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


def suppress_wildcards(policy: IConstruct, reasons: Mapping[str, str]) -> None:
    """Suppresses the findings of wildcard resources in a policy (ARN, exactly as in the policy → reason).

    A finding's id contains the ARN as the template has it. The CDK resolves an ARN of another stack only during
    synthesis, just before the validation: this waits until then.
    """
    policy.node.add_validation(_WildcardSuppression(policy, reasons))


@jsii.implements(IValidation)
class _WildcardSuppression:
    """Reports no errors; the CDK calls it after it has resolved references between stacks."""

    def __init__(self, policy: IConstruct, reasons: Mapping[str, str]) -> None:
        self._policy = policy
        self._reasons = reasons

    def validate(self) -> list[str]:
        """Suppresses the findings."""
        stack = Stack.of(self._policy)
        suppress(
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
        raise TypeError(
            f"{resource.node.path} is not a single CloudFormation resource: suppress the finding at one of its own."
        )
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
