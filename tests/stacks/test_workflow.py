"""What goes in, what comes out, and exactly what each function may do."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_cdk.assertions import Template

from async_endpoint.operations.jobs.workflow import Workflow
from submit.wake import WakeSettings
from tests.stacks.templates import (
    INPUT,
    JOBS,
    OUTPUT,
    JsonObject,
    StacksOf,
    TemplateWith,
    below,
    by_id_prefix,
    id_of,
    of_foundation,
    only,
    published,
    statements_of,
)

QUEUE = "AWS::SQS::Queue"
SUCCESS = of_foundation("RefNotificationsSuccess81EF3C9290887B78")
ERROR = of_foundation("RefNotificationsErrorBEDE5C0840EAD0EF")
INPUT_NAME = of_foundation("RefDocumentsInput5105A6EA053F8D69")
JOBS_NAME = of_foundation("RefJobsTable10C8EDF6A0F4BAA8")


def arn(workflow: Template, resource_type: str, logical_id_prefix: str) -> JsonObject:
    return {"Fn::GetAtt": [id_of(workflow, resource_type, logical_id_prefix), "Arn"]}


def senders(workflow: Template, queue: str) -> list[tuple[str, object, JsonObject]]:
    """Who may send to a queue: service, what it may do, on what condition."""
    policy = by_id_prefix(workflow, "AWS::SQS::QueuePolicy", f"{queue}Policy")["Properties"]["PolicyDocument"]
    allowed = [each for each in policy["Statement"] if each["Effect"] == "Allow"]
    assert all(each["Resource"] == arn(workflow, QUEUE, queue) for each in allowed)
    return [(each["Principal"]["Service"], each["Action"], each["Condition"]) for each in allowed]


def statements(workflow: Template, worker: str) -> list[JsonObject]:
    policy = by_id_prefix(workflow, "AWS::IAM::ManagedPolicy", f"{worker}Permissions")["Properties"]
    assert policy["Roles"] == [{"Ref": id_of(workflow, "AWS::IAM::Role", f"{worker}Role")}]
    found: list[JsonObject] = policy["PolicyDocument"]["Statement"]
    return found


INBOXES = [below(INPUT, "/inbox-urgent/*"), below(INPUT, "/inbox/*")]


def asks(workflow: Template) -> list[JsonObject]:
    """What a function needs to ask for documents whose turn it is."""
    urgent = arn(workflow, QUEUE, "UrgentQueue")
    return [
        {"Sid": "ListJobs", "Effect": "Allow", "Action": "dynamodb:Query", "Resource": below(JOBS, "/index/by-state")},
        {"Sid": "AskForDocuments", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": urgent},
    ]


def own(workflow: Template, worker: str) -> list[JsonObject]:
    """What each function needs for its log and its queue."""
    return [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": arn(workflow, "AWS::Logs::LogGroup", f"{worker}Logs"),
        },
        {
            "Effect": "Allow",
            "Action": [
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
            ],
            "Resource": arn(workflow, QUEUE, f"{worker}Queue"),
        },
    ]


RECORD_JOBS = {
    "Sid": "RecordJobs",
    "Effect": "Allow",
    "Action": ["dynamodb:GetItem", "dynamodb:UpdateItem"],
    "Resource": JOBS,
}


@pytest.mark.parametrize(
    ("rule_id", "prefix", "worker"), [("Uploads", "inbox/", "Intake"), ("UrgentUploads", "inbox-urgent/", "Urgent")]
)
def test_documents_put_into_an_inbox_go_to_its_queue(
    workflow: Template, rule_id: str, prefix: str, worker: str
) -> None:
    rule = by_id_prefix(workflow, "AWS::Events::Rule", rule_id)["Properties"]
    assert rule.pop("Description")
    assert rule == {  # no bus is named: the default one, to which S3 sends
        "State": "ENABLED",
        "EventPattern": {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [INPUT_NAME]}, "object": {"key": [{"prefix": prefix}]}},
        },
        "Targets": [
            {
                "Id": "Target0",
                "Arn": arn(workflow, QUEUE, f"{worker}Queue"),
                "DeadLetterConfig": {"Arn": arn(workflow, QUEUE, f"{worker}DeadLetters")},
            }
        ],
    }


def test_both_topics_send_to_the_results_queue_in_their_envelope(workflow: Template) -> None:
    subscriptions = workflow.find_resources("AWS::SNS::Subscription").values()
    assert [each["Properties"] for each in subscriptions] == [
        {  # not raw: the envelope says which topic it came from
            "TopicArn": topic,
            "Protocol": "sqs",
            "Endpoint": arn(workflow, QUEUE, "ResultsQueue"),
            "RedrivePolicy": {"deadLetterTargetArn": arn(workflow, QUEUE, "ResultsDeadLetters")},
        }
        for topic in (published(workflow, "success-topic"), published(workflow, "error-topic"))
    ]


@pytest.mark.parametrize(("rule_id", "worker"), [("Uploads", "Intake"), ("UrgentUploads", "Urgent")])
def test_only_its_rule_sends_to_a_queue_of_the_intake(workflow: Template, rule_id: str, worker: str) -> None:
    from_the_rule = {"ArnEquals": {"aws:SourceArn": arn(workflow, "AWS::Events::Rule", rule_id)}}
    send = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
    assert senders(workflow, f"{worker}Queue") == [("events.amazonaws.com", send, from_the_rule)]
    assert senders(workflow, f"{worker}DeadLetters") == [("events.amazonaws.com", "sqs:SendMessage", from_the_rule)]


@pytest.mark.parametrize("queue", ["ResultsQueue", "ResultsDeadLetters"])
def test_only_the_two_topics_send_to_the_results(workflow: Template, queue: str) -> None:
    assert senders(workflow, queue) == [
        ("sns.amazonaws.com", "sqs:SendMessage", {"ArnEquals": {"aws:SourceArn": topic}}) for topic in (SUCCESS, ERROR)
    ]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_claim_outlives_its_run_and_has_lapsed_at_the_next(stacks_of: StacksOf, stage: str) -> None:
    template = stacks_of(stage)["Workflow"]
    function = by_id_prefix(template, "AWS::Lambda::Function", "Intake")["Properties"]
    claim = int(function["Environment"]["Variables"]["CLAIM_SECONDS"])
    visibility = by_id_prefix(template, QUEUE, "IntakeQueue")["Properties"]["VisibilityTimeout"]
    assert function["Timeout"] < claim < visibility


ENDPOINT: JsonObject = {
    "Fn::Join": ["", ["arn:aws:sagemaker:ap-northeast-1:", {"Ref": "AWS::AccountId"}, ":endpoint/donut-async-dev"]]
}
WAKE: list[JsonObject] = [
    {"Sid": "DescribeEndpoint", "Effect": "Allow", "Action": "sagemaker:DescribeEndpoint", "Resource": ENDPOINT},
    {
        "Sid": "ReadBounds",
        "Effect": "Allow",
        "Action": "application-autoscaling:DescribeScalableTargets",
        "Resource": "*",
    },
    {
        "Sid": "WakeEndpoint",
        "Effect": "Allow",
        "Action": "sagemaker:UpdateEndpointWeightsAndCapacities",
        "Resource": ENDPOINT,
    },
    {
        "Sid": "HoldWakeAlarm",
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": "AsyncEndpoint"}},
    },
]


def test_submit_may_wake_the_endpoint_and_knows_how_many_instances_waiting_documents_want(
    workflow_with: TemplateWith,
) -> None:
    template = workflow_with(scaling__backlog_per_instance=7, scaling__wake_cooldown_seconds=600)
    assert [each for each in statements(template, "Intake") if each in WAKE] == WAKE
    function = by_id_prefix(template, "AWS::Lambda::Function", "Intake")["Properties"]
    variables = function["Environment"]["Variables"]
    settings = WakeSettings.from_environment({**variables, "INTAKE_QUEUE_URL": "https://sqs/intake"})
    assert variables["INTAKE_QUEUE_URL"] == {"Ref": id_of(template, QUEUE, "IntakeQueue")}
    assert settings == WakeSettings(
        endpoint_name="donut-async-dev",
        variant_name="AllTraffic",
        intake_queue="https://sqs/intake",
        backlog_per_instance=7,
        hold_seconds=600,
    )


@pytest.mark.parametrize("off", [{"scaling__wake_on_submit": False}, {"scaling__min_instances": 1}])
def test_submit_may_not_wake_an_endpoint_that_does_not_sleep_or_that_it_is_not_to_wake(
    workflow_with: TemplateWith, off: dict[str, object]
) -> None:
    template = workflow_with(**off)
    sids = {each.get("Sid") for each in statements(template, "Intake")}
    # What runs it has to know to admit documents, too.
    assert not sids & ({each["Sid"] for each in WAKE} - {"DescribeEndpoint"})
    function = by_id_prefix(template, "AWS::Lambda::Function", "Intake")["Properties"]
    assert "WAKE_ON_SUBMIT" not in function["Environment"]["Variables"]


def test_submit_may_invoke_one_endpoint_look_at_the_inbox_and_copy_from_it(workflow: Template) -> None:
    logs, queue = own(workflow, "Intake")
    assert statements(workflow, "Intake") == [
        RECORD_JOBS,
        {"Sid": "GetJobs", "Effect": "Allow", "Action": "dynamodb:BatchGetItem", "Resource": JOBS},
        {
            "Sid": "LookAtDocuments",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": INBOXES,
        },
        {
            "Sid": "PinDocuments",
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": below(INPUT, "/pinned/*"),
        },
        {"Sid": "TellWhatIsGone", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": INPUT},
        {
            "Sid": "Invoke",
            "Effect": "Allow",
            "Action": "sagemaker:InvokeEndpointAsync",
            "Resource": ENDPOINT,
        },
        logs,
        {**queue, "Resource": [arn(workflow, QUEUE, f"{name}Queue") for name in ("Intake", "Urgent")]},
        *WAKE,
        *asks(workflow),
    ]


def test_record_may_write_the_table_ask_for_attempts_and_read_failures(workflow: Template) -> None:
    logs, queue = own(workflow, "Results")
    intake = arn(workflow, QUEUE, "IntakeQueue")
    ask = {"Sid": "AskForAttempts", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": intake}
    failures = below(OUTPUT, "/failures/*")
    read = {"Sid": "ReadFailures", "Effect": "Allow", "Action": "s3:GetObject", "Resource": failures}
    assert statements(workflow, "Results") == [RECORD_JOBS, ask, read, logs, queue, *asks(workflow)]


def test_the_reconciler_may_look_at_what_is_left_behind_write_jobs_and_send_messages(workflow: Template) -> None:
    intake = [arn(workflow, QUEUE, f"{name}Queue") for name in ("Intake", "Urgent")]
    dead_letters = [arn(workflow, QUEUE, f"{name}DeadLetters") for name in ("Intake", "Urgent")]
    queues = [dead_letters[0], intake[0], dead_letters[1], intake[1]]
    outcomes = [below(OUTPUT, "/failures/*"), below(OUTPUT, "/results/*")]
    assert [(each.get("Sid"), each["Action"], each["Resource"]) for each in statements(workflow, "Reconciler")] == [
        ("RecordJobs", ["dynamodb:GetItem", "dynamodb:UpdateItem"], JOBS),
        ("ListJobs", "dynamodb:Query", below(JOBS, "/index/by-state")),
        ("ListUploads", "s3:ListBucketVersions", INPUT),
        ("ReadOutcomes", "s3:GetObject", outcomes),
        ("TellWhatIsMissing", "s3:ListBucket", OUTPUT),
        ("MeasureQueues", "sqs:GetQueueAttributes", queues),
        ("SendAgain", "sqs:SendMessage", intake),
        ("PublishAges", "cloudwatch:PutMetricData", "*"),
        (None, ["logs:CreateLogStream", "logs:PutLogEvents"], arn(workflow, "AWS::Logs::LogGroup", "ReconcilerLogs")),
    ]


def test_a_job_reader_may_read_the_table_and_find_documents_of_the_inbox(workflow: Template) -> None:
    policy = by_id_prefix(workflow, "AWS::IAM::ManagedPolicy", "JobReader")["Properties"]["PolicyDocument"]["Statement"]
    assert [(each["Sid"], each["Action"], each["Resource"]) for each in policy] == [
        ("GetJob", "dynamodb:GetItem", JOBS),
        ("ListJobs", "dynamodb:Query", below(JOBS, "/index/by-state")),
        ("LookAtDocuments", "s3:GetObject", INBOXES),
        ("ListVersions", ["s3:ListBucket", "s3:ListBucketVersions"], INPUT),
    ]


def test_a_job_operator_may_also_write_jobs_send_to_the_queues_and_handle_the_dlqs(workflow: Template) -> None:
    names = ("Intake", "Results", "Urgent")
    queues = [arn(workflow, QUEUE, f"{name}Queue") for name in names]
    dead_letters = [arn(workflow, QUEUE, f"{name}DeadLetters") for name in ("Intake", "Notifier", "Results", "Urgent")]
    assert [(each["Sid"], each["Action"], each["Resource"]) for each in statements_of(workflow, "JobOperator")] == [
        ("RecordJobs", ["dynamodb:GetItem", "dynamodb:UpdateItem"], JOBS),
        ("ListJobs", "dynamodb:Query", below(JOBS, "/index/by-state")),
        ("LookAtDocuments", "s3:GetObject", INBOXES),
        ("ListVersions", ["s3:ListBucket", "s3:ListBucketVersions"], INPUT),
        ("RequestAttemptsAndMoveBack", "sqs:SendMessage", queues),
        (
            "HandleDeadLetters",
            [
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ListMessageMoveTasks",
                "sqs:PurgeQueue",
                "sqs:ReceiveMessage",
                "sqs:StartMessageMoveTask",
            ],
            dead_letters,
        ),
        ("AnnounceAgain", "lambda:InvokeFunction", arn(workflow, "AWS::Lambda::Function", "NotifierFunction")),
        ("ReadMetrics", "cloudwatch:GetMetricData", "*"),
    ]


def test_the_commands_find_all_that_they_need_in_the_outputs(workflow: Template) -> None:
    outputs = dict.fromkeys(workflow.find_outputs("*"), "1") | {
        "InboxLocation": "s3://inputs/inbox/",
        "UrgentInboxLocation": "s3://inputs/inbox-urgent/",
    }
    described = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
    cloudformation = SimpleNamespace(describe_stacks=lambda **_: {"Stacks": [{"Outputs": described}]})
    assert Workflow.from_stack(cast("Any", cloudformation), "any").queues.keys() == {"intake", "urgent", "results"}


def granted(template: Template) -> Iterator[JsonObject]:
    for resource_type in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for policy in template.find_resources(resource_type).values():
            yield from policy["Properties"]["PolicyDocument"]["Statement"]


# Keys that others choose, and what has no resource to name.
ANY_RESOURCE = {
    "ReadStream",
    "LookAtDocuments",
    "PinDocuments",
    "ReadFailures",
    "ReadOutcomes",
    "ReadBounds",
    "HoldWakeAlarm",
    "PublishAges",
    "ReadMetrics",
    "Generated",
    "Scaling",
}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_nothing_is_granted_by_a_wildcard_but_the_keys_below_the_inbox_and_views_of_the_stage(
    stacks_of: StacksOf, stage: str
) -> None:
    found = list(granted(stacks_of(stage)["Workflow"]))
    assert found
    for statement in found:
        assert "*" not in json.dumps(statement["Action"])
        if statement.get("Sid") not in ANY_RESOURCE:
            assert "*" not in json.dumps(statement["Resource"])


def test_it_says_where_to_put_documents_and_where_to_look(workflow: Template) -> None:
    outputs = workflow.find_outputs("*")
    assert {name: each["Value"] for name, each in outputs.items()} == {
        "InboxLocation": {"Fn::Join": ["", ["s3://", INPUT_NAME, "/inbox/"]]},
        "UrgentInboxLocation": {"Fn::Join": ["", ["s3://", INPUT_NAME, "/inbox-urgent/"]]},
        "UrgentQueueUrl": {"Ref": id_of(workflow, QUEUE, "UrgentQueue")},
        "UrgentDeadLettersUrl": {"Ref": id_of(workflow, QUEUE, "UrgentDeadLetters")},
        "JobsTableName": JOBS_NAME,
        "JobRetentionDays": "30",
        "JobReaderPolicyArn": {"Ref": id_of(workflow, "AWS::IAM::ManagedPolicy", "JobReader")},
        "JobOperatorPolicyArn": {"Ref": id_of(workflow, "AWS::IAM::ManagedPolicy", "JobOperator")},
        "StageReaderPolicyArn": {"Ref": id_of(workflow, "AWS::IAM::ManagedPolicy", "StageReader")},
        "IntakeQueueUrl": {"Ref": id_of(workflow, QUEUE, "IntakeQueue")},
        "IntakeDeadLettersUrl": {"Ref": id_of(workflow, QUEUE, "IntakeDeadLetters")},
        "ResultsQueueUrl": {"Ref": id_of(workflow, QUEUE, "ResultsQueue")},
        "ResultsDeadLettersUrl": {"Ref": id_of(workflow, QUEUE, "ResultsDeadLetters")},
        "NotifyFunctionName": {"Ref": id_of(workflow, "AWS::Lambda::Function", "NotifierFunction")},
        "EventsDeadLettersUrl": {"Ref": id_of(workflow, QUEUE, "NotifierDeadLetters")},
        "DashboardUrl": {
            "Fn::Join": [
                "",
                [
                    (
                        "https://ap-northeast-1.console.aws.amazon.com/cloudwatch/home?region=ap-northeast-1"
                        "#dashboards:name="
                    ),
                    {"Ref": only(workflow, "AWS::CloudWatch::Dashboard")[0]},
                ],
            ]
        },
    }
    assert all(each["Description"] for each in outputs.values())
