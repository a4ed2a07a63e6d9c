"""A value of another stack is the same, however it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from async_endpoint.operations.diff.changes import REPLACED
from async_endpoint.operations.diff.references import resolve_references
from async_endpoint.operations.diff.review import review

if TYPE_CHECKING:
    from tests.operations.diff.stack import Template


def stacks(reads: Template, *, outputs: Template, published: str = "", **parts: Template) -> dict[str, Template]:
    """A foundation that gives a topic by outputs, and by a parameter if one is named; a workflow that reads it."""
    made = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": published, "Value": {"Ref": "Topic"}}}
    told = {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": reads}}
    return {
        "Foundation": {"Resources": {"Made": made} if published else {}, "Outputs": outputs},
        "Workflow": {"Resources": {"Told": told}, **parts},
    }


def weak(topic: str) -> dict[str, Template]:
    reads = {"Fn::GetStackOutput": {"StackName": "s-foundation", "OutputName": "Weak", "Region": "eu-west-1"}}
    return stacks(reads, outputs={"Weak": {"Value": {"Ref": topic}}})


def strong(topic: str) -> dict[str, Template]:
    outputs = {"Strong": {"Value": {"Ref": topic}, "Export": {"Name": "s-foundation:Strong"}}}
    return stacks({"Fn::ImportValue": "s-foundation:Strong"}, outputs=outputs)


def published(name: str) -> dict[str, Template]:
    parameter = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": name}
    return stacks({"Ref": "Read"}, outputs={}, published="/s/topic", Parameters={"Read": parameter})


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (weak("Topic"), strong("Topic"), True),
        (weak("Topic"), published("/s/topic"), True),
        (strong("Topic"), published("/s/topic"), True),
        (weak("Topic"), strong("Another"), False),
        (weak("Another"), published("/s/topic"), False),
        (weak("Topic"), published("/elsewhere/topic"), False),
    ],
)
def test_a_value_that_is_read_by_other_means_is_the_same_value(
    before: dict[str, Template], after: dict[str, Template], *, same: bool
) -> None:
    """A different value of a create-only property would be a replacement."""
    replaced = [change.logical_id for change in review(before, after).changes if change.action == REPLACED]
    assert replaced == ([] if same else ["Told"])


def test_a_reference_to_a_stack_that_is_not_among_the_templates_stays() -> None:
    templates = {"Workflow": weak("Topic")["Workflow"]}
    assert resolve_references(templates) == templates
