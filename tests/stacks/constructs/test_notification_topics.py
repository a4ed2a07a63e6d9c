import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import TemplateWith, properties

TOPIC = "AWS::SNS::Topic"


def test_there_is_a_topic_for_results_and_one_for_failures(foundation: Template) -> None:
    assert sorted(each[: len("NotificationsError")] for each in foundation.find_resources(TOPIC)) == [
        "AlarmsTopic3A2DFEB",  # what alarms tell
        "NotificationsError",
        "NotificationsSucce",
    ]


def test_topics_are_encrypted_under_the_key_that_the_execution_role_may_use_unasked(foundation: Template) -> None:
    for name, topic in foundation.find_resources(TOPIC).items():
        if not name.startswith("Notifications"):
            continue
        properties = topic["Properties"]
        assert properties.keys() == {"KmsMasterKeyId"}  # and so have no name of their own
        *_, alias = properties["KmsMasterKeyId"]["Fn::Join"][1]
        assert alias.endswith(":alias/aws/sns")


def test_publishing_without_tls_is_denied(foundation: Template) -> None:
    policies = foundation.find_resources("AWS::SNS::TopicPolicy").values()
    assert len(policies) == 3
    for policy in policies:
        statement, *_ = policy["Properties"]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Deny", "sns:Publish")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("encryption", ["aws-managed", "customer-managed"])
def test_a_topic_may_have_a_queue_with_its_messages(foundation_with: TemplateWith, encryption: str) -> None:
    foundation = foundation_with(notifications__queues=["error"], encryption=encryption)
    queues = foundation.find_resources("AWS::SQS::Queue")
    assert sorted(each[: len("NotificationsErrorQ")] for each in queues) == [
        "NotificationsErrorD",
        "NotificationsErrorQ",
    ]
    subscription = properties(foundation, "AWS::SNS::Subscription")
    assert subscription["RedrivePolicy"]["deadLetterTargetArn"]
    for queue in queues.values():
        managed = queue["Properties"].get("SqsManagedSseEnabled", False)
        assert managed == (encryption == "aws-managed")
        assert ("KmsMasterKeyId" in queue["Properties"]) == (encryption == "customer-managed")
    assert foundation.find_outputs("ErrorQueueUrl")
