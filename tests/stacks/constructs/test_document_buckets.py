import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import JsonObject, StacksOf, by_id_prefix

BUCKET = "AWS::S3::Bucket"


@pytest.fixture(params=["DocumentsInput", "DocumentsOutput"])
def bucket(request: pytest.FixtureRequest, foundation: Template) -> JsonObject:
    return by_id_prefix(foundation, BUCKET, request.param)


def test_a_stage_without_access_logs_has_two_buckets(foundation: Template) -> None:
    foundation.resource_count_is(BUCKET, 2)


def test_buckets_are_private_versioned_and_encrypted(bucket: JsonObject) -> None:
    properties = bucket["Properties"]
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    ]


def test_buckets_have_no_name_of_their_own(bucket: JsonObject) -> None:
    assert "BucketName" not in bucket["Properties"]


def test_abandoned_uploads_and_old_documents_go(bucket: JsonObject) -> None:
    assert bucket["Properties"]["LifecycleConfiguration"]["Rules"][:2] == [
        {
            "Id": "Expire",
            "Status": "Enabled",
            "ExpirationInDays": 30,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
        {"Id": "RemoveDeleteMarkers", "Status": "Enabled", "ExpiredObjectDeleteMarker": True},
    ]


def test_only_the_input_bucket_has_copies_which_go_after_a_day(foundation: Template) -> None:
    rules = {
        name: by_id_prefix(foundation, BUCKET, name)["Properties"]["LifecycleConfiguration"]["Rules"][2:]
        for name in ("DocumentsInput", "DocumentsOutput")
    }
    pinned = {
        "Id": "ExpirePinned",
        "Status": "Enabled",
        "Prefix": "pinned/",
        "ExpirationInDays": 1,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }
    assert rules == {"DocumentsInput": [pinned], "DocumentsOutput": []}


@pytest.mark.parametrize("name", ["DocumentsInput", "DocumentsOutput"])
def test_plain_http_and_old_tls_are_denied(foundation: Template, name: str) -> None:
    statements = by_id_prefix(foundation, "AWS::S3::BucketPolicy", name)["Properties"]["PolicyDocument"]["Statement"]
    assert [(each["Effect"], each["Action"], each["Condition"]) for each in statements] == [
        ("Deny", "s3:*", {"Bool": {"aws:SecureTransport": "false"}}),
        ("Deny", "s3:*", {"NumericLessThan": {"s3:TlsVersion": 1.2}}),
    ]


def test_only_the_input_bucket_sends_events_to_eventbridge(foundation: Template) -> None:
    made = {
        name: by_id_prefix(foundation, BUCKET, name)["Properties"].get("NotificationConfiguration")
        for name in ("DocumentsInput", "DocumentsOutput")
    }
    assert made == {
        "DocumentsInput": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        "DocumentsOutput": None,
    }


def test_nothing_deletes_documents_by_itself_on_destroy(foundation: Template) -> None:
    foundation.resource_count_is("Custom::S3AutoDeleteObjects", 0)
    foundation.resource_count_is("AWS::Lambda::Function", 0)


@pytest.mark.parametrize(("stage", "policy"), [("dev", "Delete"), ("prod", "Retain")])
def test_the_stage_decides_what_becomes_of_data(stacks_of: StacksOf, stage: str, policy: str) -> None:
    buckets = stacks_of(stage)["Foundation"].find_resources(BUCKET).values()
    assert {(each["DeletionPolicy"], each["UpdateReplacePolicy"]) for each in buckets} == {(policy, policy)}


def test_prod_logs_access_to_a_bucket_that_only_the_logging_service_writes(
    stacks_of: StacksOf,
) -> None:
    prod = stacks_of("prod")["Foundation"]
    prod.resource_count_is(BUCKET, 3)
    (logs_id,) = (each for each in prod.find_resources(BUCKET) if each.startswith("DocumentsAccessLogs"))
    assert {
        name: by_id_prefix(prod, BUCKET, name)["Properties"]["LoggingConfiguration"]
        for name in ("DocumentsInput", "DocumentsOutput")
    } == {
        "DocumentsInput": {"DestinationBucketName": {"Ref": logs_id}, "LogFilePrefix": "input/"},
        "DocumentsOutput": {"DestinationBucketName": {"Ref": logs_id}, "LogFilePrefix": "output/"},
    }
    statements = by_id_prefix(prod, "AWS::S3::BucketPolicy", "DocumentsAccessLogs")["Properties"]["PolicyDocument"][
        "Statement"
    ]
    allowed = [each for each in statements if each["Effect"] == "Allow"]
    assert {each["Action"] for each in allowed} == {"s3:PutObject"}
    assert {each["Principal"]["Service"] for each in allowed} == {"logging.s3.amazonaws.com"}
