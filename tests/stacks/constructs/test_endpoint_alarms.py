import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import TemplateWith, by_id_prefix


def test_instances_beyond_those_kept_warm_must_have_work(endpoint_with: TemplateWith) -> None:
    window = {"name": "office", "start": "08:00", "end": "19:00"}
    for changes, samples in (({}, 0), ({"scaling__warm_windows": [window]}, 7), ({"scaling__enabled": False}, 7)):
        alarm = by_id_prefix(endpoint_with(**changes), "AWS::CloudWatch::Alarm", "AlarmsIdleInstances")["Properties"]
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
def test_an_alarm_watches_a_metric_that_exists(
    endpoint: Template, alarm: str, name: str, dimensions: list[str]
) -> None:
    made = by_id_prefix(endpoint, "AWS::CloudWatch::Alarm", f"Alarms{alarm}")["Properties"]
    assert (made["Namespace"], made["MetricName"]) == ("AWS/SageMaker", name)
    assert [each["Name"] for each in made["Dimensions"]] == dimensions
