"""The webhook: which events it gets, how often, with which permissions, and that it is off by default."""

import json

import pytest
from aws_cdk.assertions import Template

from notify.job_finished import DETAIL_TYPE, SOURCE, WEBHOOK
from tests.stacks.templates import TemplateWith, by_id_prefix, id_of, statements_of

URL = "https://example.com/receipts"
ARN = "arn:aws:secretsmanager:ap-northeast-1:111122223333:secret:receipts/webhook-a1B2c3"
SETTINGS = {"notifications__webhook_url": URL, "notifications__webhook_secret": ARN}
QUEUE = "AWS::SQS::Queue"


@pytest.fixture(scope="module")
def template(workflow_with: TemplateWith) -> Template:
    return workflow_with(**SETTINGS, notifications__webhook_max_retries=7, notifications__webhook_max_age_seconds=600)


def test_by_default_there_is_none(workflow: Template) -> None:
    for kind in ("Connection", "ApiDestination"):
        workflow.resource_count_is(f"AWS::Events::{kind}", 0)
    function = by_id_prefix(workflow, "AWS::Lambda::Function", "NotifierFunction")["Properties"]
    assert function["Environment"]["Variables"].keys() == {
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_LOG_LEVEL",
        "JOBS_TABLE",
        "ENDPOINT_NAME",
    }


def test_it_gets_the_signed_body_of_this_endpoints_outcomes(template: Template) -> None:
    rule = by_id_prefix(template, "AWS::Events::Rule", "NotifierWebhook")["Properties"]
    assert rule["EventPattern"] == {
        "source": [SOURCE],
        "detail-type": [DETAIL_TYPE],
        "detail": {"endpoint_name": ["donut-async-dev"], WEBHOOK: {"signature": [{"exists": True}]}},
    }
    (target,) = rule["Targets"]
    assert target["InputPath"] == f"$.detail.{WEBHOOK}"
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 7, "MaximumEventAgeInSeconds": 600}
    dead_letters = {"Fn::GetAtt": [id_of(template, QUEUE, "NotifierWebhookDeadLetters"), "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": dead_letters}
    destination = by_id_prefix(template, "AWS::Events::ApiDestination", "NotifierWebhook")["Properties"]
    assert (destination["InvocationEndpoint"], destination["HttpMethod"]) == (URL, "POST")


def test_its_role_may_call_it_alone(template: Template) -> None:
    (statement,) = statements_of(template, "NotifierWebhook")
    destination = id_of(template, "AWS::Events::ApiDestination", "NotifierWebhook")
    template.resource_count_is("AWS::IAM::Policy", 0)
    assert statement == {
        "Sid": "CallWebhook",
        "Effect": "Allow",
        "Action": "events:InvokeApiDestination",
        "Resource": {"Fn::GetAtt": [destination, "Arn"]},
    }


def test_the_function_may_read_the_one_secret_and_no_template_has_it(template: Template) -> None:
    policy = by_id_prefix(template, "AWS::IAM::ManagedPolicy", "NotifierPermissions")["Properties"]["PolicyDocument"]
    (read,) = (each for each in policy["Statement"] if each.get("Sid") == "ReadSecret")
    assert (read["Action"], read["Resource"]) == ("secretsmanager:GetSecretValue", ARN)
    assert "resolve:secretsmanager" not in json.dumps(template.to_json())


def test_a_secret_may_be_named(workflow_with: TemplateWith) -> None:
    template = workflow_with(**{**SETTINGS, "notifications__webhook_secret": "receipts/webhook"})
    policy = by_id_prefix(template, "AWS::IAM::ManagedPolicy", "NotifierPermissions")["Properties"]["PolicyDocument"]
    (read,) = (each for each in policy["Statement"] if each.get("Sid") == "ReadSecret")
    prefix = "arn:aws:secretsmanager:ap-northeast-1:"
    account = {"Ref": "AWS::AccountId"}
    assert read["Resource"] == {"Fn::Join": ["", [prefix, account, ":secret:receipts/webhook-??????"]]}


def test_what_it_never_accepts_raises_an_alarm(template: Template) -> None:
    alarm = by_id_prefix(template, "AWS::CloudWatch::Alarm", "NotifierWebhookAlarm")["Properties"]
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert "Runbook: docs/operations.md#the-webhook-fails " in alarm["AlarmDescription"]


def test_under_the_stages_key_the_secret_may_be_encrypted_with_it(workflow_with: TemplateWith) -> None:
    template = workflow_with(**SETTINGS, encryption="customer-managed")
    policy = by_id_prefix(template, "AWS::IAM::ManagedPolicy", "NotifierPermissions")["Properties"]["PolicyDocument"]
    assert "UseSecretKey" in {each.get("Sid") for each in policy["Statement"]}
