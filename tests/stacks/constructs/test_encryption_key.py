import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.stacks.templates import JsonObject, StacksOf, properties, statements_of

ENCRYPTED: dict[str, Callable[[JsonObject], Any]] = {
    "AWS::SNS::Topic": lambda made: made["KmsMasterKeyId"],
    "AWS::SQS::Queue": lambda made: made["KmsMasterKeyId"],
    "AWS::DynamoDB::Table": lambda made: made["SSESpecification"]["KMSMasterKeyId"],
    "AWS::Logs::LogGroup": lambda made: made["KmsKeyId"],
    "AWS::Lambda::Function": lambda made: made["KmsKeyArn"],
}


@pytest.mark.parametrize("resource_type", ENCRYPTED)
def test_everything_that_is_kept_is_under_the_stages_key(stacks_of: StacksOf, resource_type: str) -> None:
    found = [
        each["Properties"]
        for template in stacks_of("prod").values()
        for each in template.find_resources(resource_type).values()
    ]
    assert found
    for each in found:
        assert "EncryptionKey" in json.dumps(ENCRYPTED[resource_type](each))


def test_documents_are_under_the_stages_key_and_access_logs_under_s3s(
    stacks_of: StacksOf,
) -> None:
    foundation = stacks_of("prod")["Foundation"]
    for name, bucket in foundation.find_resources("AWS::S3::Bucket").items():
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        under = rule["ServerSideEncryptionByDefault"]
        if "AccessLogs" in name:
            assert under == {"SSEAlgorithm": "AES256"}
        else:
            assert under["SSEAlgorithm"] == "aws:kms"
            assert "EncryptionKey" in json.dumps(under["KMSMasterKeyID"])
            assert rule["BucketKeyEnabled"] is True


def test_the_key_is_rotated_and_stays_with_the_data(stacks_of: StacksOf) -> None:
    stacks_of("prod")["Foundation"].has_resource(
        "AWS::KMS::Key", {"Properties": {"EnableKeyRotation": True}, "DeletionPolicy": "Retain"}
    )
    stacks_of("dev")["Foundation"].resource_count_is("AWS::KMS::Key", 0)


def test_policies_for_encrypted_resources_allow_that_key_only(
    stacks_of: StacksOf,
) -> None:
    for stack, policies in (
        ("Endpoint", ("ExecutionPermissions", "Caller")),
        ("Workflow", ("IntakePermissions", "ResultsPermissions", "WatchdogPermissions", "JobReader", "JobOperator")),
    ):
        for policy in policies:
            statements = statements_of(stacks_of("prod")[stack], policy)
            using = [each for each in statements if "kms:" in json.dumps(each["Action"])]
            assert using, policy
            for each in using:
                assert "EncryptionKey" in json.dumps(each["Resource"])


def test_services_that_send_to_queues_and_topics_may_use_the_key(stacks_of: StacksOf) -> None:
    key = properties(stacks_of("prod")["Foundation"], "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    services = {each["Principal"].get("Service") for each in key}
    assert services >= {"sns.amazonaws.com", "events.amazonaws.com", "cloudwatch.amazonaws.com",
                        "logs.ap-northeast-1.amazonaws.com"}  # fmt: skip
