"""The policy of people who look for the cause of trouble: what they may read, and that IAM takes its size."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import StacksOf, StacksWith, by_id_prefix
from tests.support.permissions import Need, is_allowed

POLICY = "AWS::IAM::ManagedPolicy"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, without blanks
MOST_CHARACTERS = 6144
# The longest ARNs here: those of rules, functions and queues, whose names have at most 64, 64 and 80 characters.
GENERATED_ARN = 125
LONGEST = {
    "stage": "s" * 31,
    "encryption": "customer-managed",
    "endpoint__name": "e" * 63,
    "notifications__webhook_url": "https://example.com/",
    "notifications__webhook_secret": "secret",
}
ONE_ARCHIVE = {"StringLike": {"s3:prefix": "*.tar.gz"}}
CHANGES = ("Put", "Update", "Delete", "Create", "Send", "Invoke", "Start", "Stop", "Purge", "Attach", "Set", "Tag")


def statements_of(template: Template) -> dict[str, dict[str, Any]]:
    policy = by_id_prefix(template, POLICY, "StageReader")["Properties"]["PolicyDocument"]
    return {each["Sid"]: each for each in policy["Statement"]}


def resolved(value: Any) -> Any:
    """The value with as many characters as AWS would put in place of each reference, or more."""
    if isinstance(value, list):
        return [resolved(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(resolved(part) for part in value["Fn::Join"][1])
    if "Ref" in value:
        return "x" * (12 if value["Ref"] == "AWS::AccountId" else 36)  # or the id of a mapping
    if value.keys() & {"Fn::GetAtt", "Fn::GetStackOutput"}:
        return "x" * GENERATED_ARN
    return {name: resolved(each) for name, each in value.items()}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_reader_changes_nothing(stacks_of: StacksOf, stage: str) -> None:
    actions = [action for each in statements_of(stacks_of(stage)["Workflow"]).values() for action in each["Action"]]
    assert actions
    assert [action for action in actions if action.partition(":")[2].startswith(CHANGES)] == []


def test_a_reader_looks_up_single_archives_in_the_models_bucket_and_reads_no_weights(workflow: Template) -> None:
    statements = statements_of(workflow)
    assert statements["ListArchives"]["Condition"] == ONE_ARCHIVE
    assert statements["ListArchives"]["Action"] == "s3:ListBucket"
    assert "cdk-hnb659fds-assets-" in json.dumps(statements["ListArchives"]["Resource"])
    assert "s3:GetObject" not in json.dumps(list(statements.values()))


def test_a_model_of_ones_own_bucket_is_looked_up_there(stacks_with: StacksWith) -> None:
    model = {"model__source": "archive", "model__location": "s3://my-models/a/model.tar.gz"}
    lists = statements_of(stacks_with(**model)["Workflow"])["ListArchives"]
    assert lists["Resource"] == "arn:aws:s3:::my-models"

    def may_list(prefix: str | None) -> bool:
        return is_allowed(Need("s3:ListBucket", lists["Resource"], prefix), [lists])

    assert may_list("a/model.tar.gz")
    assert may_list("of-the-deploy-before/model.tar.gz")  # it serves after a rollback
    assert [prefix for prefix in (None, "", "a/", "secret.txt") if may_list(prefix)] == []


def test_of_a_model_under_a_prefix_nothing_is_looked_up(stacks_with: StacksWith) -> None:
    stacks = stacks_with(model__source="prefix", model__location="s3://my-models/a/")
    assert "ListArchives" not in statements_of(stacks["Workflow"])


def test_a_reader_sees_the_state_of_the_stages_key(stacks_of: StacksOf) -> None:
    assert "kms:DescribeKey" in statements_of(stacks_of("prod")["Workflow"])["Named"]["Action"]
    assert "kms:DescribeKey" not in statements_of(stacks_of("dev")["Workflow"])["Named"]["Action"]


def test_iam_takes_the_policy_of_a_stage_with_long_names_a_key_and_a_webhook(stacks_with: StacksWith) -> None:
    stacks = stacks_with(**LONGEST)
    document = by_id_prefix(stacks["Workflow"], POLICY, "StageReader")["Properties"]["PolicyDocument"]
    assert len(json.dumps(resolved(document), separators=(",", ":"))) <= MOST_CHARACTERS
