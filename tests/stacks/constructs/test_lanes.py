"""Two queues feed the function that submits, and it knows what it needs to admit documents."""

import pytest
from aws_cdk.assertions import Template

from submit.lane_adapters import LaneSettings
from submit.lane_limit import LimitSettings
from tests.stacks.templates import JsonObject, TemplateWith, by_id_prefix, id_of, statements_of

QUEUE = "AWS::SQS::Queue"


def test_the_submit_function_gets_the_messages_of_both_queues(workflow: Template) -> None:
    function = {"Ref": id_of(workflow, "AWS::Lambda::Function", "Intake")}
    mappings = [each["Properties"] for each in workflow.find_resources("AWS::Lambda::EventSourceMapping").values()]
    assert [each["EventSourceArn"] for each in mappings if each["FunctionName"] == function] == [
        {"Fn::GetAtt": [id_of(workflow, QUEUE, "IntakeQueue"), "Arn"]},
        {"Fn::GetAtt": [id_of(workflow, QUEUE, "UrgentQueue"), "Arn"]},
    ]


@pytest.mark.parametrize("name", ["Alarm", "Waiting"])
def test_the_urgent_queue_has_the_alarms_of_a_worker_s_own(workflow: Template, name: str) -> None:
    def alarm(queue: str) -> JsonObject:
        found = by_id_prefix(workflow, "AWS::CloudWatch::Alarm", f"{queue}{name}")["Properties"]
        return {key: value for key, value in found.items() if key not in {"Dimensions", "AlarmDescription"}}

    assert alarm("Urgent") == alarm("Intake")


def test_without_admission_nobody_may_ask_for_documents_and_urgent_ones_keep_their_queue(
    workflow_with: TemplateWith,
) -> None:
    template = workflow_with(workflow__admission=False, scaling__wake_on_submit=False)
    for worker in ("Intake", "Results"):
        sids = {each.get("Sid") for each in statements_of(template, f"{worker}Permissions")}
        assert not sids & {"ListJobs", "AskForDocuments", "DescribeEndpoint"}
        function = by_id_prefix(template, "AWS::Lambda::Function", worker)["Properties"]
        assert "ADMISSION" not in function["Environment"]["Variables"]
    assert by_id_prefix(template, "AWS::Events::Rule", "UrgentUploads")


def test_submit_knows_what_an_instance_works_on_and_how_many_may_run(workflow_with: TemplateWith) -> None:
    def limits(**settings: object) -> LimitSettings:
        function = by_id_prefix(workflow_with(**settings), "AWS::Lambda::Function", "Intake")["Properties"]
        variables = function["Environment"]["Variables"]
        environment = {**variables, "INTAKE_QUEUE_URL": "i", "URGENT_QUEUE_URL": "u", "JOBS_TABLE": "j"}
        found = LaneSettings.from_environment(environment)
        assert found
        return found.limit

    assert limits(serving__workers=2, serving__batch_size=4, scaling__max_instances=7) == LimitSettings(
        instance_requests=16,
        instance_batch=8,
        backlog_per_instance=5,
        max_instances=7,
        batch_size=10,
        max_concurrency=10,
    )
    assert limits(scaling__enabled=False, endpoint__initial_instance_count=3).max_instances == 3
