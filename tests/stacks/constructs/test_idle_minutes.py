import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import JsonObject, TemplateWith, alarm_expression, alarm_metrics, by_id_prefix

SIGNS = "backlog + nocap + started + processed + failed + (cpu >= 80)"


def sleep_alarm(template: Template) -> JsonObject:
    found: JsonObject = by_id_prefix(template, "AWS::CloudWatch::Alarm", "ScalingSleepAlarm")["Properties"]
    return found


def test_sleeping_counts_minutes_that_are_known_and_show_no_work(endpoint: Template) -> None:
    alarm = sleep_alarm(endpoint)
    signs = f"{SIGNS} + (gpu >= 20)"
    assert alarm_expression(alarm) == f"IF({signs} + backlog_known * cpu_known, ({signs}) == 0)"
    of_variant, instances = ["EndpointName", "VariantName"], "/aws/sagemaker/Endpoints"
    assert alarm_metrics(alarm) == {
        "backlog": ("AWS/SageMaker", "ApproximateBacklogSize", ["EndpointName"], "Maximum"),
        "nocap": ("AWS/SageMaker", "HasBacklogWithoutCapacity", ["EndpointName"], "Maximum"),
        "started": ("AWS/SageMaker", "RequestDownloadLatency", of_variant, "SampleCount"),
        "processed": ("AWS/SageMaker", "InvocationsProcessed", of_variant, "Sum"),
        "failed": ("AWS/SageMaker", "InvocationFailures", of_variant, "Sum"),
        "cpu": (instances, "CPUUtilization", of_variant, "Maximum"),
        "gpu": (instances, "GPUUtilization", of_variant, "Maximum"),
        "backlog_known": ("AWS/SageMaker", "ApproximateBacklogSize", ["EndpointName"], "SampleCount"),
        "cpu_known": (instances, "CPUUtilization", of_variant, "SampleCount"),
    }


@pytest.mark.parametrize(
    ("instance_type", "limit"),
    [("ml.g4dn.xlarge", 80), ("ml.g4dn.12xlarge", 960), ("ml.g5.2xlarge", 160), ("ml.p3.2xlarge", 160)],
)
def test_the_idle_limit_is_a_share_of_all_virtual_cpus(
    endpoint_with: TemplateWith, instance_type: str, limit: int
) -> None:
    """CPUUtilization is 100 percent for each: a developer guide's instance of four has 0 to 400 percent."""
    template = endpoint_with(endpoint__instance_type=instance_type)
    alarm = sleep_alarm(template)
    assert f"(cpu >= {limit})" in alarm_expression(alarm)
    assert "(gpu >= 20)" in alarm_expression(alarm)


def test_the_idle_limit_holds_on_the_smallest_type_that_may_come(endpoint_with: TemplateWith) -> None:
    template = endpoint_with(
        endpoint__instance_type="ml.g5.4xlarge", endpoint__fallback_instance_types=("ml.g4dn.xlarge",)
    )
    assert "(cpu >= 80)" in alarm_expression(sleep_alarm(template))


def test_without_a_gpu_none_is_looked_at(endpoint_with: TemplateWith) -> None:
    template = endpoint_with(endpoint__device="cpu", endpoint__instance_type="ml.m5.xlarge")
    assert "gpu" not in alarm_metrics(sleep_alarm(template))
