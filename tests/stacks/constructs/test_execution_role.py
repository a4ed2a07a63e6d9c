import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import (
    INPUT,
    OUTPUT,
    JsonObject,
    TemplateWith,
    below,
    by_sid,
    id_of,
    of_foundation,
    only,
    properties,
    waits_for,
)

LOG_GROUP = ":log-group:/aws/sagemaker/Endpoints/donut-async-dev"


@pytest.fixture(scope="module")
def statements(endpoint: Template) -> dict[str, JsonObject]:
    return by_sid(endpoint)


def test_only_sagemaker_may_assume_it(endpoint: Template) -> None:
    assert properties(endpoint, "AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
    ]


def test_it_has_this_policy_and_no_other(endpoint: Template, statements: dict[str, JsonObject]) -> None:
    assert properties(endpoint, "AWS::IAM::Role").keys() == {"AssumeRolePolicyDocument", "Description"}
    assert statements.keys() == {
        "ReadModelAndDocuments",
        "WriteAnswersAndFailures",
        "ListBuckets",
        "Notify",
        "PullImage",
        "SignInToRegistry",
        "WriteLogs",
        "PutMetrics",
        "WatchRollbackAlarms",
    }
    assert {each["Effect"] for each in statements.values()} == {"Allow"}


def test_it_reads_documents_and_the_one_archive(endpoint: Template, statements: dict[str, JsonObject]) -> None:
    statement = statements["ReadModelAndDocuments"]
    archive, documents = statement["Resource"]
    assert statement["Action"] == "s3:GetObject"
    assert documents == below(INPUT, "/*")
    start, bucket, key = archive["Fn::Join"][1]
    assert start == "arn:aws:s3:::"
    url = properties(endpoint, "AWS::SageMaker::Model")["PrimaryContainer"]["ModelDataUrl"]
    assert url == {"Fn::Sub": f"s3://{bucket['Fn::Sub']}{key}"}


def test_it_writes_results_and_failures_only(statements: dict[str, JsonObject]) -> None:
    statement = statements["WriteAnswersAndFailures"]
    assert statement["Action"] == ["s3:AbortMultipartUpload", "s3:PutObject"]
    assert statement["Resource"] == [below(OUTPUT, "/failures/*"), below(OUTPUT, "/results/*")]


def test_it_lists_both_buckets_without_a_condition(statements: dict[str, JsonObject]) -> None:
    assert statements["ListBuckets"] == {
        "Sid": "ListBuckets",
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": [INPUT, OUTPUT],
    }


def test_it_publishes_to_the_two_topics(statements: dict[str, JsonObject]) -> None:
    statement = statements["Notify"]
    assert statement["Action"] == "sns:Publish"
    assert statement["Resource"] == [
        of_foundation("RefNotificationsErrorBEDE5C0840EAD0EF"),
        of_foundation("RefNotificationsSuccess81EF3C9290887B78"),
    ]


def test_it_reads_the_alarms_that_roll_an_update_back(
    endpoint: Template, statements: dict[str, JsonObject], endpoint_with: TemplateWith
) -> None:
    watched = properties(endpoint, "AWS::SageMaker::Endpoint")["DeploymentConfig"]["AutoRollbackConfiguration"][
        "Alarms"
    ]
    assert statements["WatchRollbackAlarms"]["Action"] == "cloudwatch:DescribeAlarms"
    arns = [{"Fn::GetAtt": [each["AlarmName"]["Ref"], "Arn"]} for each in watched]
    assert sorted(map(str, statements["WatchRollbackAlarms"]["Resource"])) == sorted(map(str, arns))
    without = endpoint_with(updates__rollback_on_alarms=False)
    assert "DescribeAlarms" not in str(without.to_json())


def test_it_pulls_from_one_repository(statements: dict[str, JsonObject]) -> None:
    assert statements["PullImage"]["Resource"] == "arn:aws:ecr:ap-northeast-1:763104351884:repository/pytorch-inference"
    assert statements["PullImage"]["Action"] == [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    ]
    assert (statements["SignInToRegistry"]["Action"], statements["SignInToRegistry"]["Resource"]) == (
        "ecr:GetAuthorizationToken",
        "*",
    )


def test_it_writes_the_logs_of_its_endpoint(statements: dict[str, JsonObject]) -> None:
    statement = statements["WriteLogs"]
    assert statement["Action"] == [
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    ]
    assert [each["Fn::Join"][1][-1] for each in statement["Resource"]] == [LOG_GROUP, f"{LOG_GROUP}:*"]


def test_it_puts_metrics_into_sagemakers_namespaces(statements: dict[str, JsonObject]) -> None:
    assert statements["PutMetrics"]["Action"] == "cloudwatch:PutMetricData"
    assert statements["PutMetrics"]["Condition"] == {
        "StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "AWS/SageMaker"]}
    }


@pytest.mark.parametrize("later", ["AWS::SageMaker::Model", "AWS::SageMaker::Endpoint"])
def test_the_policy_is_there_before_what_sagemaker_checks_it_for(endpoint: Template, later: str) -> None:
    policy_id = id_of(endpoint, "AWS::IAM::ManagedPolicy", "ExecutionPermissions")
    later_id, definition = only(endpoint, later)
    assert policy_id in definition["DependsOn"]
    assert policy_id in waits_for(endpoint, later_id)


def test_further_inputs_may_be_read_and_no_more_than_they(endpoint_with: TemplateWith) -> None:
    found = by_sid(endpoint_with(data__further_input_locations=["s3://scans-1", "s3://scans-2/inbox/"]))
    read, listed = (found[sid]["Resource"] for sid in ("ReadModelAndDocuments", "ListBuckets"))
    assert [each for each in read if isinstance(each, str)] == [
        "arn:aws:s3:::scans-1/*",
        "arn:aws:s3:::scans-2/inbox/*",
    ]
    assert len(read) == 4  # and the archive, and the stage's own input bucket
    assert [each for each in listed if isinstance(each, str)] == ["arn:aws:s3:::scans-1", "arn:aws:s3:::scans-2"]
