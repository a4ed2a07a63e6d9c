import json

from aws_cdk.assertions import Match, Template

from tests.stacks.templates import properties


def test_the_dashboard_shows_queue_instances_outcomes_times_errors_and_logs(workflow: Template) -> None:
    body = json.dumps(properties(workflow, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    for shown in (
        "ApproximateBacklogSize", "ApproximateAgeOfOldestRequest", "CPUUtilization", "InvocationsProcessed",
        "InvocationFailures", "ExpiredRequests", "TimeInBacklog", "TotalProcessingTime", "ModelLatency",
        "Invocation4XXErrors", "Invocation5XXErrors", "ApproximateNumberOfMessagesVisible",
        "$252Faws$252Fsagemaker$252FEndpoints$252Fdonut-async-dev",
    ):  # fmt: skip
        assert shown in body
    workflow.has_resource_properties("AWS::CloudWatch::Dashboard", {"DashboardName": Match.absent()})
