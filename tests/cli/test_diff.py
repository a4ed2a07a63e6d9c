"""What a reviewer is told of a change: its effects, its wider permissions, and what must not be done."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from async_endpoint.cli import main

if TYPE_CHECKING:
    from pathlib import Path

Template = dict[str, Any]

READ: Template = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Join": ["", [{"Ref": "In"}, "/*"]]}}
TLS: Template = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": {"AWS": "*"}}
BASE: Template = {
    "Resources": {
        "In": {"Type": "AWS::S3::Bucket", "Metadata": {"aws:cdk:path": "Endpoint/Documents/Input/Resource"}},
        "InPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "In"}, "PolicyDocument": {"Statement": [TLS]}},
        },
        "Policy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": {"Version": "2012-10-17", "Statement": [READ]}},
        },
        "Model": {"Type": "AWS::SageMaker::Model", "Properties": {"PrimaryContainer": {"ModelDataUrl": "s3://a/1"}}},
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [
                    {
                        "VariantName": "AllTraffic",
                        "InstanceType": "ml.g4dn.xlarge",
                        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                    }
                ]
            },
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        },
        "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"MinCapacity": 0}},
    },
    "Outputs": {"Name": {"Value": {"Ref": "Endpoint"}}},
}


@pytest.fixture
def head() -> Template:
    return copy.deepcopy(BASE)


def compare(folder: Path, head: Template, *options: str, base: Template = BASE) -> Result:
    for name, template in (("base", base), ("head", head)):
        (folder / name).mkdir()
        (folder / name / "Endpoint.template.json").write_text(json.dumps(template), encoding="utf-8")
    return CliRunner().invoke(main, ["diff", str(folder / "base"), str(folder / "head"), *options])


def test_equal_templates_differ_in_nothing(tmp_path: Path, head: Template) -> None:
    head["Resources"]["In"]["Metadata"]["comment"] = "metadata changes nothing that runs"
    done = compare(tmp_path, head)
    assert (done.exit_code, done.output) == (0, "No differences.\n")


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
    tmp_path: Path, before: dict[str, Template], after: dict[str, Template], *, same: bool
) -> None:
    """Of a create-only property it would else be a replacement."""
    for name, templates in (("base", before), ("head", after)):
        (tmp_path / name).mkdir()
        for stack, template in templates.items():
            (tmp_path / name / f"{stack}.template.json").write_text(json.dumps(template), encoding="utf-8")
    done = CliRunner().invoke(main, ["diff", str(tmp_path / "base"), str(tmp_path / "head")])
    assert done.exit_code == 0
    assert ("replaced  AWS::SNS::Subscription  Told (TopicArn)" in done.output) != same


def test_a_replaced_model_replaces_its_configuration_and_changes_the_endpoint_in_place(
    tmp_path: Path, head: Template
) -> None:
    head["Resources"]["Model"]["Properties"]["PrimaryContainer"]["ModelDataUrl"] = "s3://a/2"
    done = compare(tmp_path, head)
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "  ! replaced  AWS::SageMaker::EndpointConfig  Config (ProductionVariants)",
        "  ~ in place  AWS::SageMaker::Endpoint  Endpoint (EndpointConfigName)",
        "  ! replaced  AWS::SageMaker::Model  Model (PrimaryContainer)",
    ]


@pytest.mark.parametrize("change", ["renamed", "replaced"])
def test_a_bucket_that_would_be_lost_is_refused(tmp_path: Path, head: Template, change: str) -> None:
    if change == "renamed":
        head["Resources"]["Inputs"] = head["Resources"].pop("In")
    else:
        head["Resources"]["In"]["Properties"] = {"BucketName": "documents"}
    done = compare(tmp_path, head)
    assert done.exit_code == 1
    action = "removed" if change == "renamed" else "replaced"
    assert f"AWS::S3::Bucket Endpoint/Documents/Input (In) would be {action}, and with it documents." in done.output


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SNS::Topic", "AWS::SQS::Queue"])
def test_whatever_holds_something_is_not_removed(tmp_path: Path, head: Template, kind: str) -> None:
    base = copy.deepcopy(BASE)
    base["Resources"]["Kept"] = {"Type": kind}
    done = compare(tmp_path, head, base=base)
    assert done.exit_code == 1
    assert f"{kind} Kept (Kept) would be removed" in done.output


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ({**READ, "Action": ["s3:GetObject", "s3:PutObject"]}, "allows s3:PutObject on {In}/*"),
        ({**READ, "Resource": "*"}, "allows s3:GetObject on *"),
        ({**READ, "Condition": {"Bool": {"a": "b"}}}, 'allows s3:GetObject on {In}/* if {"Bool": {"a": "b"}}'),
    ],
)
def test_a_wider_permission_is_called_out(tmp_path: Path, head: Template, statement: Template, said: str) -> None:
    head["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"] = [statement]
    done = compare(tmp_path, head)
    assert done.exit_code == 0
    assert f"Permissions that would be wider:\n  Endpoint/Policy {said}\n" in done.output
    assert done.output.count("  Endpoint/Policy") == 1


def test_a_denial_that_goes_is_a_wider_permission(tmp_path: Path, head: Template) -> None:
    head["Resources"]["InPolicy"]["Properties"]["PolicyDocument"]["Statement"] = []
    assert 'Endpoint/InPolicy no longer denies s3:* on * to {"AWS": "*"}' in compare(tmp_path, head).output


def test_a_permission_that_goes_is_no_wider_one(tmp_path: Path, head: Template) -> None:
    head["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"] = [TLS]
    assert "wider" not in compare(tmp_path, head).output


def variant_of(template: Template) -> Template:
    (variant,) = template["Resources"]["Config"]["Properties"]["ProductionVariants"]
    return dict(variant)


@pytest.mark.parametrize("member", [{"InstanceType": "ml.g5.xlarge"}, {"VariantName": "Other"}])
@pytest.mark.parametrize("target_goes", [False, True])
def test_another_type_under_a_scalable_target_is_refused_with_the_two_steps(
    tmp_path: Path, head: Template, member: Template, *, target_goes: bool
) -> None:
    head["Resources"]["Config"]["Properties"]["ProductionVariants"] = [variant_of(head) | member]
    if target_goes:  # it would still be there when the endpoint is updated
        del head["Resources"]["Target"]
    done = compare(tmp_path, head)
    assert done.exit_code == 1
    assert "Take two deploys: first scaling.enabled = false" in done.output


def test_the_two_steps_pass_one_by_one(tmp_path: Path, head: Template) -> None:
    del head["Resources"]["Target"]
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    assert compare(tmp_path / "1", head).exit_code == 0
    last = copy.deepcopy(BASE)
    last["Resources"]["Config"]["Properties"]["ProductionVariants"] = [
        variant_of(last) | {"InstanceType": "ml.g5.xlarge"}
    ]
    assert compare(tmp_path / "2", last, base=head).exit_code == 0


ALARM: Template = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 5,
        "EvaluationPeriods": 2,
        "AlarmActions": ["arn:a", "arn:b"],
    },
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Threshold": 6}, "Threshold 5 → 6"),
        ({"EvaluationPeriods": 3}, "EvaluationPeriods 2 → 3"),
        ({"AlarmActions": ["arn:a"]}, 'AlarmActions ["arn:a", "arn:b"] → ["arn:a"]'),
        ({"ActionsEnabled": False}, "ActionsEnabled  → false"),
        (None, "AWS::CloudWatch::Alarm, removed"),
        ({"Threshold": 4}, None),
        ({"EvaluationPeriods": 1}, None),
        ({"AlarmActions": ["arn:a", "arn:b", "arn:c"]}, None),
    ],
)
def test_a_weaker_alarm_is_called_out(
    tmp_path: Path, head: Template, change: Template | None, said: str | None
) -> None:
    base = copy.deepcopy(BASE)
    base["Resources"]["Alarm"] = ALARM
    if change is not None:
        head["Resources"]["Alarm"] = {**ALARM, "Properties": {**ALARM["Properties"], **change}}
    done = compare(tmp_path, head, base=base)
    assert done.exit_code == 0
    assert ("weaker" in done.output) == (said is not None)
    if said is not None:
        assert said in done.output


@pytest.mark.parametrize(("before", "after", "weaker"), [(4, 2, True), (2, 4, False)])
def test_less_scaling_is_called_out(tmp_path: Path, head: Template, before: int, after: int, *, weaker: bool) -> None:
    base = copy.deepcopy(BASE)
    base["Resources"]["Target"]["Properties"]["MaxCapacity"] = before
    head["Resources"]["Target"]["Properties"]["MaxCapacity"] = after
    assert (f"Endpoint/Target: MaxCapacity {before} → {after}" in compare(tmp_path, head, base=base).output) == weaker


def test_a_new_stack_and_a_changed_output_are_told(tmp_path: Path, head: Template) -> None:
    head["Outputs"]["Url"] = {"Value": "https://"}
    head["Resources"]["Rule"] = {"Type": "AWS::Events::Rule"}
    done = compare(tmp_path, head)
    assert done.output == "  + added     AWS::Events::Rule  Rule\nOutputs: Endpoint/Url added\n"


def test_a_comment_for_a_pull_request_is_markdown(tmp_path: Path, head: Template) -> None:
    head["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"] = [{**READ, "Resource": "*"}]
    del head["Resources"]["In"]
    done = compare(tmp_path, head, "--markdown", "--title", "prod")
    assert done.exit_code == 1
    assert done.output.startswith(
        "### prod\n\n| | resource | type |\n|---|---|---|\n| removed | Endpoint/Documents/Input |"
    )
    assert "- Endpoint/Policy allows s3:GetObject on *\n" in done.output
    assert "**Refused**\n\n- AWS::S3::Bucket" in done.output


def test_a_folder_without_templates_is_wrong_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["diff", str(tmp_path), str(tmp_path)])
    assert done.exit_code == 2
    assert "holds no templates: make them with `npx cdk synth --output" in done.output
