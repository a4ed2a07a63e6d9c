import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import StacksOf, only

TABLE = "AWS::DynamoDB::Table"


def test_the_table_is_on_demand_restorable_and_forgets(foundation: Template) -> None:
    assert only(foundation, TABLE)[1]["Properties"] == {  # no name, and so a generated one; no key but DynamoDB's own
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        "DeletionProtectionEnabled": False,
        "KeySchema": [{"AttributeName": "job_id", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-state",
                "KeySchema": [
                    {"AttributeName": "state", "KeyType": "HASH"},
                    {"AttributeName": "updated_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "S"} for name in ("job_id", "state", "updated_at")
        ],
    }


@pytest.mark.parametrize(("stage", "policy", "protected"), [("dev", "Delete", False), ("prod", "Retain", True)])
def test_the_stage_decides_what_becomes_of_the_records(
    stacks_of: StacksOf,
    stage: str,
    policy: str,
    *,
    protected: bool,
) -> None:
    table = only(stacks_of(stage)["Foundation"], TABLE)[1]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == (policy, policy)
    assert table["Properties"]["DeletionProtectionEnabled"] is protected
