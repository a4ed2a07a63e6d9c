"""What each setting of a stage becomes; those that are as in dev are tested beside the constructs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from app import build_app
from stacks.settings.fields import SettingsError
from tests.stacks.templates import JsonObject, by_id_prefix, dev, properties, published, write_artifacts

CONFIG = "AWS::SageMaker::EndpointConfig"
MODEL = "AWS::SageMaker::Model"
ENDPOINT = "AWS::SageMaker::Endpoint"
Build = Callable[..., dict[str, Template]]


@pytest.fixture
def build(artifacts: Path) -> Build:
    """Gives the templates of dev with changes, by the stacks' ids."""

    def made(**changed: object) -> dict[str, Template]:
        app = build_app(dev(**changed), artifacts=artifacts)
        return {each.node.id: Template.from_stack(each) for each in app.node.children if hasattr(each, "stack_name")}  # type: ignore[arg-type]

    return made


def variant(template: Template) -> JsonObject:
    (found,) = properties(template, CONFIG)["ProductionVariants"]
    return dict(found)


def role_statements(template: Template) -> dict[str, JsonObject]:
    policy = by_id_prefix(template, "AWS::IAM::ManagedPolicy", "ExecutionPermissions")["Properties"]
    return {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}


def test_fallback_types_become_pools_in_their_order(build: Build) -> None:
    made = variant(build(endpoint__fallback_instance_types=["ml.g5.xlarge"])["Endpoint"])
    assert made["InstancePools"] == [
        {"InstanceType": "ml.g4dn.xlarge", "Priority": 1},
        {"InstanceType": "ml.g5.xlarge", "Priority": 2},
    ]
    assert made["VariantInstanceProvisionTimeoutInSeconds"] == 600
    assert "InstanceType" not in made


def test_a_machine_image_is_in_the_variant_when_it_is_set(build: Build) -> None:
    assert "InferenceAmiVersion" not in variant(build()["Endpoint"])
    chosen = "al2-ami-sagemaker-inference-gpu-3-1"
    assert variant(build(endpoint__inference_ami_version=chosen)["Endpoint"])["InferenceAmiVersion"] == chosen


def test_a_type_without_nvme_takes_a_volume_and_its_key(build: Build) -> None:
    changes = {"endpoint__instance_type": "ml.p3.2xlarge", "endpoint__volume_gb": 50}
    assert variant(build(**changes)["Endpoint"])["VolumeSizeInGB"] == 50
    assert "KmsKeyId" not in properties(build(**changes)["Endpoint"], CONFIG)
    assert properties(build(**changes, encryption="customer-managed")["Endpoint"], CONFIG)["KmsKeyId"]
    assert "KmsKeyId" not in properties(build(encryption="customer-managed")["Endpoint"], CONFIG)


def test_an_own_image_is_pulled_from_its_own_repository(build: Build) -> None:
    uri = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/team/donut:7"
    endpoint = build(endpoint__image_uri=uri)["Endpoint"]
    assert properties(endpoint, MODEL)["PrimaryContainer"]["Image"] == uri
    assert role_statements(endpoint)["PullImage"]["Resource"] == (
        "arn:aws:ecr:ap-northeast-1:123456789012:repository/team/donut"
    )


def test_an_archive_of_somebody_elses_is_read_where_it_is(build: Build) -> None:
    endpoint = build(model__source="archive", model__location="s3://models-1/donut/model.tar.gz")["Endpoint"]
    assert properties(endpoint, MODEL)["PrimaryContainer"]["ModelDataUrl"] == "s3://models-1/donut/model.tar.gz"
    assert "arn:aws:s3:::models-1/donut/model.tar.gz" in role_statements(endpoint)["ReadModelAndDocuments"]["Resource"]


def test_an_uncompressed_model_is_read_below_its_prefix_alone(build: Build) -> None:
    endpoint = build(model__source="prefix", model__location="s3://models-1/donut/")["Endpoint"]
    container = properties(endpoint, MODEL)["PrimaryContainer"]
    assert container["ModelDataSource"] == {
        "S3DataSource": {"S3Uri": "s3://models-1/donut/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    }
    assert "ModelDataUrl" not in container
    statements = role_statements(endpoint)
    assert "arn:aws:s3:::models-1/donut/*" in statements["ReadModelAndDocuments"]["Resource"]
    assert "arn:aws:s3:::models-1" in statements["ListBuckets"]["Resource"]


def test_further_inputs_may_be_read_and_no_more_than_they(build: Build) -> None:
    statements = role_statements(
        build(data__further_input_locations=["s3://scans-1", "s3://scans-2/inbox/"])["Endpoint"]
    )
    read, listed = (statements[sid]["Resource"] for sid in ("ReadModelAndDocuments", "ListBuckets"))
    assert [each for each in read if isinstance(each, str)] == [
        "arn:aws:s3:::scans-1/*",
        "arn:aws:s3:::scans-2/inbox/*",
    ]
    assert len(read) == 4  # and the archive, and the stage's own input bucket
    assert [each for each in listed if isinstance(each, str)] == ["arn:aws:s3:::scans-1", "arn:aws:s3:::scans-2"]


def test_the_container_gets_the_environment_of_the_settings(build: Build) -> None:
    endpoint = build(model__environment={"TASK_PROMPT": "<s_cord>", "MODEL_VERSION": "3"})["Endpoint"]
    environment = properties(endpoint, MODEL)["PrimaryContainer"]["Environment"]
    assert (environment["TASK_PROMPT"], environment["MODEL_VERSION"]) == ("<s_cord>", "3")


def test_answers_may_go_elsewhere_or_into_the_notification_alone(build: Build) -> None:
    endpoint = build(
        output__path="none", output__failure_path="s3://failed-1/donut", notifications__include_response=["success"]
    )["Endpoint"]
    output = properties(endpoint, CONFIG)["AsyncInferenceConfig"]["OutputConfig"]
    assert "S3OutputPath" not in output
    assert output["S3FailurePath"] == "s3://failed-1/donut"
    assert output["NotificationConfig"]["IncludeInferenceResponseIn"] == ["SUCCESS_NOTIFICATION_TOPIC"]
    assert role_statements(endpoint)["WriteAnswersAndFailures"]["Resource"] == "arn:aws:s3:::failed-1/donut/*"
    caller = by_id_prefix(endpoint, "AWS::IAM::ManagedPolicy", "Caller")["Properties"]["PolicyDocument"]["Statement"]
    (get,) = (each for each in caller if each["Sid"] == "GetAnswersAndFailures")
    assert get["Resource"] == "arn:aws:s3:::failed-1/donut/*"


def test_without_topics_and_workflow_there_are_two_stacks_and_nothing_to_notify(build: Build) -> None:
    stacks = build(workflow__enabled=False, notifications__success=False, notifications__error=False)
    assert stacks.keys() == {"Foundation", "Endpoint"}
    stacks["Foundation"].resource_count_is("AWS::SNS::Topic", 1)  # the alarms'
    assert "NotificationConfig" not in properties(stacks["Endpoint"], CONFIG)["AsyncInferenceConfig"]["OutputConfig"]
    assert "Notify" not in role_statements(stacks["Endpoint"])
    assert not {"SuccessTopicArn", "ErrorTopicArn"} & stacks["Endpoint"].find_outputs("*").keys()


@pytest.mark.parametrize("encryption", ["aws-managed", "customer-managed"])
def test_a_topic_may_have_a_queue_that_keeps_what_it_told(build: Build, encryption: str) -> None:
    foundation = build(notifications__queues=["error"], encryption=encryption)["Foundation"]
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


def test_instances_in_a_vpc_have_network_permissions_and_no_others_have(build: Build) -> None:
    network = {
        "network__subnet_ids": ["subnet-0123456789abcdef0"],
        "network__security_group_ids": ["sg-0123456789abcdef0"],
    }
    endpoint = build(**network)["Endpoint"]
    assert properties(endpoint, MODEL)["VpcConfig"] == {
        "Subnets": ["subnet-0123456789abcdef0"],
        "SecurityGroupIds": ["sg-0123456789abcdef0"],
    }
    assert all(each.startswith("ec2:") for each in role_statements(endpoint)["StandInVpc"]["Action"])
    assert "StandInVpc" not in role_statements(build()["Endpoint"])


def test_an_isolated_container_brings_its_packages(build: Build, tmp_path: Path) -> None:
    isolated = {"network__isolation": True, "model__dependencies": "included"}
    assert properties(build(**isolated)["Endpoint"], MODEL)["EnableNetworkIsolation"] is True
    wanting = write_artifacts(tmp_path / "artifacts")
    (wanting / "code" / "requirements.txt").write_text("# why\ntransformers==4.30.2\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"requirements\.lock is missing, .* run async-endpoint model lock"):
        build_app(dev(**isolated), artifacts=wanting)


TWO = {"endpoint__initial_instance_count": 2, "scaling__min_instances": 2}
SIZE = {"Type": "CAPACITY_PERCENT", "Value": 50}


@pytest.mark.parametrize(
    ("strategy", "routing"),
    [
        ("canary", {"Type": "CANARY", "CanarySize": SIZE, "WaitIntervalInSeconds": 300}),
        ("linear", {"Type": "LINEAR", "LinearStepSize": SIZE, "WaitIntervalInSeconds": 300}),
    ],
)
def test_traffic_moves_in_steps(build: Build, strategy: str, routing: JsonObject) -> None:
    deployment = properties(build(updates__strategy=strategy, **TWO)["Endpoint"], ENDPOINT)["DeploymentConfig"]
    assert deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == routing
    assert deployment["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] == 3600


def test_instances_may_be_replaced_one_part_after_the_other(build: Build) -> None:
    deployment = properties(build(updates__strategy="rolling", **TWO)["Endpoint"], ENDPOINT)["DeploymentConfig"]
    assert deployment["RollingUpdatePolicy"] == {
        "MaximumBatchSize": SIZE,
        "WaitIntervalInSeconds": 300,
        "MaximumExecutionTimeoutInSeconds": 3600,
    }
    assert "BlueGreenUpdatePolicy" not in deployment


def test_live_capacity_is_retained_only_on_request(build: Build) -> None:
    assert "RetainAllVariantProperties" not in properties(build()["Endpoint"], ENDPOINT)
    assert properties(build(updates__retain_capacity=True)["Endpoint"], ENDPOINT)["RetainAllVariantProperties"] is True


def test_without_rollback_alarms_there_are_none(build: Build) -> None:
    endpoint = build(updates__rollback_on_alarms=False)["Endpoint"]
    assert "AutoRollbackConfiguration" not in properties(endpoint, ENDPOINT)["DeploymentConfig"]
    assert not [each for each in endpoint.find_resources("AWS::CloudWatch::Alarm") if each.startswith("Rollback")]


def test_the_alarms_may_tell_an_address(build: Build) -> None:
    build(alarms__email="team@example.com")["Foundation"].has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "team@example.com"}
    )


# -- a key of one's own ----------------------------------------------------------------------------------------------

ENCRYPTED: dict[str, Callable[[JsonObject], Any]] = {
    "AWS::SNS::Topic": lambda made: made["KmsMasterKeyId"],
    "AWS::SQS::Queue": lambda made: made["KmsMasterKeyId"],
    "AWS::DynamoDB::Table": lambda made: made["SSESpecification"]["KMSMasterKeyId"],
    "AWS::Logs::LogGroup": lambda made: made["KmsKeyId"],
    "AWS::Lambda::Function": lambda made: made["KmsKeyArn"],
}


@pytest.mark.parametrize("resource_type", ENCRYPTED)
def test_everything_that_is_kept_is_under_the_stages_key(
    stacks_of: Callable[[str], dict[str, Template]], resource_type: str
) -> None:
    found = [
        each["Properties"]
        for template in stacks_of("prod").values()
        for each in template.find_resources(resource_type).values()
    ]
    assert found
    for each in found:
        assert "EncryptionKey" in json.dumps(ENCRYPTED[resource_type](each))


def test_results_are_under_the_stages_key(stacks_of: Callable[[str], dict[str, Template]]) -> None:
    endpoint = stacks_of("prod")["Endpoint"]
    key = published(endpoint, "key", stage="prod")
    assert properties(endpoint, CONFIG)["AsyncInferenceConfig"]["OutputConfig"]["KmsKeyId"] == key


def test_documents_are_under_the_stages_key_and_access_logs_under_s3s(
    stacks_of: Callable[[str], dict[str, Template]],
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


def test_the_key_is_rotated_and_stays_with_the_data(stacks_of: Callable[[str], dict[str, Template]]) -> None:
    stacks_of("prod")["Foundation"].has_resource(
        "AWS::KMS::Key", {"Properties": {"EnableKeyRotation": True}, "DeletionPolicy": "Retain"}
    )
    stacks_of("dev")["Foundation"].resource_count_is("AWS::KMS::Key", 0)


def test_whoever_works_with_encrypted_things_may_use_the_key_and_only_that(
    stacks_of: Callable[[str], dict[str, Template]],
) -> None:
    for stack, policies in (
        ("Endpoint", ("ExecutionPermissions", "Caller")),
        ("Workflow", ("IntakePermissions", "ResultsPermissions", "WatchdogPermissions", "JobReader")),
    ):
        for policy in policies:
            made = by_id_prefix(stacks_of("prod")[stack], "AWS::IAM::ManagedPolicy", policy)["Properties"]
            using = [each for each in made["PolicyDocument"]["Statement"] if "kms:" in json.dumps(each["Action"])]
            assert using, policy
            for each in using:
                assert "EncryptionKey" in json.dumps(each["Resource"])


def test_services_that_feed_and_tell_may_use_the_key(stacks_of: Callable[[str], dict[str, Template]]) -> None:
    key = properties(stacks_of("prod")["Foundation"], "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    services = {each["Principal"].get("Service") for each in key}
    assert services >= {"sns.amazonaws.com", "events.amazonaws.com", "cloudwatch.amazonaws.com",
                        "logs.ap-northeast-1.amazonaws.com"}  # fmt: skip


# -- who may do what to what -----------------------------------------------------------------------------------------

NO_RESOURCE_TO_NAME = {
    "SignInToRegistry": "ecr:GetAuthorizationToken",
    "PutMetrics": "cloudwatch:PutMetricData",
    "ReadMinimum": "application-autoscaling:DescribeScalableTargets",
}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_no_policy_names_every_resource_where_aws_offers_less(
    stacks_of: Callable[[str], dict[str, Template]], stage: str
) -> None:
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


# -- alarms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_every_alarm_that_people_get_tells_the_topic_and_names_its_runbook(
    stacks_of: Callable[[str], dict[str, Template]], stage: str
) -> None:
    told = set()
    for template in stacks_of(stage).values():
        for name, alarm in template.find_resources("AWS::CloudWatch::Alarm").items():
            if name.startswith("Scaling"):
                continue
            assert "AlarmsTopic" in json.dumps(alarm["Properties"]["AlarmActions"])
            assert "Runbook: docs/operations.md#" in json.dumps(alarm["Properties"]["AlarmDescription"])
            assert alarm["Properties"]["TreatMissingData"] == "notBreaching"
            told.add(name.removesuffix(name[-8:]))
    assert told == {
        "RollbackAlarmsFailedInvocations", "RollbackAlarmsModelErrors",
        "AlarmsStuckAtZero", "AlarmsOldestRequest", "AlarmsFailures", "AlarmsExpired",
        "AlarmsNotificationFailures", "AlarmsUploadFailures", "AlarmsIdleInstances",
        "IntakeAlarm", "IntakeWaiting", "IntakeErrors", "ResultsAlarm", "ResultsWaiting", "ResultsErrors",
        "WatchdogErrors", "WatchdogNotInvoked",
    }  # fmt: skip


def test_instances_beyond_those_kept_warm_must_have_work(build: Build) -> None:
    window = {"name": "office", "start": "08:00", "end": "19:00"}
    for changes, samples in (({}, 0), ({"scaling__warm_windows": [window]}, 7), ({"scaling__enabled": False}, 7)):
        alarm = by_id_prefix(build(**changes)["Endpoint"], "AWS::CloudWatch::Alarm", "AlarmsIdleInstances")[
            "Properties"
        ]
        (result,) = (each["Expression"] for each in alarm["Metrics"] if "Expression" in each)
        assert result == f"(running > {samples}) AND ((backlog + processed + failed) == 0)"
        assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (18, 20)
        (running,) = (each["MetricStat"] for each in alarm["Metrics"] if each["Id"] == "running")
        assert running["Period"] == 300
        assert (running["Metric"]["MetricName"], running["Stat"]) == ("CPUUtilization", "SampleCount")


@pytest.mark.parametrize(
    ("alarm", "name", "dimensions"),
    [
        ("StuckAtZero", "HasBacklogWithoutCapacity", ["EndpointName"]),
        ("OldestRequest", "ApproximateAgeOfOldestRequest", ["EndpointName"]),
        ("Failures", "InvocationFailures", ["EndpointName", "VariantName"]),
        ("Expired", "ExpiredRequests", ["EndpointName", "VariantName"]),
        ("NotificationFailures", "NotificationFailures", ["EndpointName", "VariantName"]),
        ("UploadFailures", "ResponseUploadFailures", ["EndpointName", "VariantName"]),
    ],
)
def test_an_alarm_watches_a_metric_that_there_is(
    endpoint: Template, alarm: str, name: str, dimensions: list[str]
) -> None:
    made = by_id_prefix(endpoint, "AWS::CloudWatch::Alarm", f"Alarms{alarm}")["Properties"]
    assert (made["Namespace"], made["MetricName"]) == ("AWS/SageMaker", name)
    assert [each["Name"] for each in made["Dimensions"]] == dimensions


def test_the_dashboard_shows_queue_instances_ends_times_errors_and_logs(workflow: Template) -> None:
    body = json.dumps(properties(workflow, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    for shown in (
        "ApproximateBacklogSize", "ApproximateAgeOfOldestRequest", "CPUUtilization", "InvocationsProcessed",
        "InvocationFailures", "ExpiredRequests", "TimeInBacklog", "TotalProcessingTime", "ModelLatency",
        "Invocation4XXErrors", "Invocation5XXErrors", "ApproximateNumberOfMessagesVisible",
        "$252Faws$252Fsagemaker$252FEndpoints$252Fdonut-async-dev",
    ):  # fmt: skip
        assert shown in body
    workflow.has_resource_properties("AWS::CloudWatch::Dashboard", {"DashboardName": Match.absent()})
