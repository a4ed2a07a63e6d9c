from aws_cdk.assertions import Template

from tests.stacks.templates import StacksOf, StacksWith, TemplateWith, by_sid, properties, published

CONFIG = "AWS::SageMaker::EndpointConfig"


def test_results_and_failures_go_to_the_output_bucket_and_the_topics(endpoint: Template) -> None:
    assert properties(endpoint, CONFIG)["AsyncInferenceConfig"]["OutputConfig"] == {
        "S3OutputPath": {"Fn::Join": ["", ["s3://", published(endpoint, "output-bucket"), "/results"]]},
        "S3FailurePath": {"Fn::Join": ["", ["s3://", published(endpoint, "output-bucket"), "/failures"]]},
        "NotificationConfig": {
            "SuccessTopic": published(endpoint, "success-topic"),
            "ErrorTopic": published(endpoint, "error-topic"),
        },
    }


def test_results_may_go_elsewhere_or_into_the_notification_alone(endpoint_with: TemplateWith) -> None:
    endpoint = endpoint_with(
        output__path="none", output__failure_path="s3://failed-1/donut", notifications__include_response=["success"]
    )
    output = properties(endpoint, CONFIG)["AsyncInferenceConfig"]["OutputConfig"]
    assert "S3OutputPath" not in output
    assert output["S3FailurePath"] == "s3://failed-1/donut"
    assert output["NotificationConfig"]["IncludeInferenceResponseIn"] == ["SUCCESS_NOTIFICATION_TOPIC"]
    assert by_sid(endpoint)["WriteAnswersAndFailures"]["Resource"] == "arn:aws:s3:::failed-1/donut/*"
    assert by_sid(endpoint, "Caller")["GetAnswersAndFailures"]["Resource"] == "arn:aws:s3:::failed-1/donut/*"


def test_without_topics_and_workflow_there_are_two_stacks_and_nothing_to_notify(stacks_with: StacksWith) -> None:
    stacks = stacks_with(workflow__enabled=False, notifications__success=False, notifications__error=False)
    assert stacks.keys() == {"Foundation", "Endpoint"}
    stacks["Foundation"].resource_count_is("AWS::SNS::Topic", 1)  # the alarms'
    assert "NotificationConfig" not in properties(stacks["Endpoint"], CONFIG)["AsyncInferenceConfig"]["OutputConfig"]
    assert "Notify" not in by_sid(stacks["Endpoint"])
    assert not {"SuccessTopicArn", "ErrorTopicArn"} & stacks["Endpoint"].find_outputs("*").keys()


def test_results_are_under_the_stages_key(stacks_of: StacksOf) -> None:
    endpoint = stacks_of("prod")["Endpoint"]
    key = published(endpoint, "key", stage="prod")
    assert properties(endpoint, CONFIG)["AsyncInferenceConfig"]["OutputConfig"]["KmsKeyId"] == key
