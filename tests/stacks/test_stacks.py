"""What the stacks promise as a whole; each construct and each stack has its own tests."""

import json

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from async_endpoint.operations.diff.schemas import create_only_properties
from tests.stacks.templates import ROOT, StacksOf, waits_for, without_hashes

NO_RESOURCE_TO_NAME = {
    "SignInToRegistry": "ecr:GetAuthorizationToken",
    "PutMetrics": "cloudwatch:PutMetricData",
    "HoldWakeAlarm": "cloudwatch:PutMetricData",
    "PublishAges": "cloudwatch:PutMetricData",
    "ReadBounds": "application-autoscaling:DescribeScalableTargets",
    "ReadMetrics": "cloudwatch:GetMetricData",
    "Scaling": [
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingActivities",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        "cloudwatch:GetMetricData",
    ],
}


class JsonSnapshot(SingleFileSnapshotExtension):
    """One readable file for each template."""

    file_extension = "json"
    _write_mode = WriteMode.TEXT


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize("stack", ["Foundation", "Endpoint", "Workflow"])
def test_nothing_changes_unseen(stacks_of: StacksOf, stack: str, stage: str, snapshot: SnapshotAssertion) -> None:
    template = without_hashes(stacks_of(stage)[stack])
    assert template == snapshot(name=f"{stack}-{stage}", extension_class=JsonSnapshot)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_no_create_only_property_waits_for_the_change_sets_execution(stacks_of: StacksOf, stage: str) -> None:
    """aws/aws-cdk#38829: CloudFormation plans a replacement where such a property holds Fn::GetStackOutput."""
    seen = 0
    for template in stacks_of(stage).values():
        for name, resource in template.to_json()["Resources"].items():
            for property_name in create_only_properties(resource["Type"]):
                value = json.dumps(resource.get("Properties", {}).get(property_name))
                seen += value != "null"
                assert "Fn::GetStackOutput" not in value, (name, property_name)
    assert seen > 20


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_what_is_published_is_read_by_the_same_name(stacks_of: StacksOf, stage: str) -> None:
    stacks = stacks_of(stage)
    made = {each["Properties"]["Name"] for each in stacks["Foundation"].find_resources("AWS::SSM::Parameter").values()}
    read = {
        parameter["Default"]
        for name in ("Endpoint", "Workflow")
        for parameter in stacks[name].find_parameters("*").values()
        if "bootstrap" not in str(parameter.get("Default"))
    }
    assert made == read
    assert len(made) == (4 if stage == "dev" else 5)


def test_no_output_is_an_export(stacks_of: StacksOf) -> None:
    """An export would keep its stack from being changed for as long as anybody imports it."""
    for template in stacks_of("dev").values():
        assert not any("Export" in each for each in template.find_outputs("*").values())


def test_no_resource_waits_for_itself(stacks_of: StacksOf) -> None:
    for template in stacks_of("dev").values():
        for logical_id in template.to_json()["Resources"]:
            assert logical_id not in waits_for(template, logical_id)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_no_policy_names_every_resource_where_aws_offers_less(stacks_of: StacksOf, stage: str) -> None:
    seen = set()
    for template in stacks_of(stage).values():
        template.resource_count_is("AWS::IAM::Policy", 0)
        for policy in template.find_resources("AWS::IAM::ManagedPolicy").values():
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                assert "*" not in json.dumps(statement["Action"])
                if statement["Resource"] == "*":
                    seen.add(statement["Sid"])
                    assert NO_RESOURCE_TO_NAME[statement["Sid"]] == statement["Action"]
        for role in template.find_resources("AWS::IAM::Role").values():
            assert not {"ManagedPolicyArns", "Policies"} & role["Properties"].keys()
    assert seen == NO_RESOURCE_TO_NAME.keys()


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_templates_name_no_folder_of_the_machine(stacks_of: StacksOf, stage: str) -> None:
    for template in stacks_of(stage).values():
        assert str(ROOT) not in json.dumps(template.to_json())
