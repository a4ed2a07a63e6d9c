"""The alarm on jobs that stay SUBMITTED, and what the function needs for it."""

from aws_cdk.assertions import Template

from reconcile.settings import Settings
from tests.stacks.templates import TemplateWith, by_id_prefix, statements_of
from tests.support.intake import RECONCILE_ENVIRONMENT


def test_a_job_is_overdue_after_the_time_that_the_function_itself_allows(workflow_with: TemplateWith) -> None:
    workflow = workflow_with(endpoint__request_ttl_seconds=7200)
    variables = by_id_prefix(workflow, "AWS::Lambda::Function", "ReconcilerFunction")["Properties"]["Environment"][
        "Variables"
    ]
    texts = {name: value for name, value in variables.items() if isinstance(value, str)}
    settings = Settings.from_environment({**RECONCILE_ENVIRONMENT, **texts})
    alarm = by_id_prefix(workflow, "AWS::CloudWatch::Alarm", "ReconcilerOverdue")["Properties"]
    assert settings.request_seconds > 7200
    assert alarm["Threshold"] == settings.request_seconds + 1800
    assert {name: alarm[name] for name in ("Namespace", "MetricName", "Statistic", "Period", "Dimensions")} == {
        "Namespace": "AsyncEndpoint",
        "MetricName": "OldestSubmittedJob",
        "Statistic": "Maximum",
        "Period": 300,
        "Dimensions": [{"Name": "EndpointName", "Value": settings.endpoint_name}],
    }
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (2, 4)


def test_the_function_may_put_metrics_into_one_namespace(workflow: Template) -> None:
    (statement,) = (
        each for each in statements_of(workflow, "ReconcilerPermissions") if each.get("Sid") == "PublishAges"
    )
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "AsyncEndpoint"}}
