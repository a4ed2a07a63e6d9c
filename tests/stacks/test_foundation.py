from tests.stacks.templates import StacksOf


def test_the_logical_ids_of_what_holds_data_stay(stacks_of: StacksOf) -> None:
    """Another id is another bucket or table: CloudFormation would replace it."""
    foundation = stacks_of("prod")["Foundation"]
    assert set(foundation.find_resources("AWS::S3::Bucket")) == {
        "DocumentsAccessLogsE0128BD5",
        "DocumentsInput5105A6EA",
        "DocumentsOutput5AB822FA",
    }
    assert set(foundation.find_resources("AWS::SNS::Topic")) == {
        "NotificationsSuccess81EF3C92",
        "NotificationsErrorBEDE5C08",
        "AlarmsTopic3A2DFEBA",
    }
    assert set(foundation.find_resources("AWS::KMS::Key")) == {"EncryptionKey3A692D6E"}
    assert set(foundation.find_resources("AWS::DynamoDB::Table")) == {"JobsTable10C8EDF6"}
