"""The metric math that recognises an idle minute of an endpoint: docs/decisions/0011, docs/evidence.md."""

from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.constructs import endpoint_metrics as names
from stacks.constructs.endpoint_metrics import INSTANCES_NAMESPACE, NAMESPACE, EndpointMetrics
from stacks.constructs.metric_math import MinuteMetric, metric_queries

# The number of samples in a minute: 0 only without a datapoint, however CloudWatch treats a missing value.
_QUEUE_KNOWN = "backlog_known"
_INSTANCES_KNOWN = "cpu_known"


def idle_minute_queries(
    metrics: EndpointMetrics, *, utilization_percent: int, on_gpu: bool, vcpus: int
) -> list[cloudwatch.CfnAlarm.MetricDataQueryProperty]:
    """Returns queries whose result is 1 for an idle minute, 0 for a busy one, and missing for an unknown one.

    A minute with any sign of work is busy, whatever else is known of it. A minute without one is idle only if the
    metrics of both the queue and the instances have arrived; otherwise they are late, or no instance runs.

    Args:
        metrics: The endpoint's metrics.
        utilization_percent: Utilization of CPU or GPU from which an instance counts as busy.
        on_gpu: Whether the instances have a GPU.
        vcpus: Virtual CPUs of an instance; CPUUtilization counts 100 percent for each.
    """
    queue, variant = metrics.queue_dimensions, metrics.variant_dimensions
    used = {
        "backlog": MinuteMetric(NAMESPACE, names.BACKLOG, queue, "Maximum"),
        "nocap": MinuteMetric(NAMESPACE, names.WITHOUT_CAPACITY, queue, "Maximum"),
        # An instance downloads a request's document before it processes it.
        "started": MinuteMetric(NAMESPACE, names.DOWNLOAD_TIME, variant, "SampleCount"),
        "processed": MinuteMetric(NAMESPACE, names.PROCESSED, variant, "Sum"),
        "failed": MinuteMetric(NAMESPACE, names.FAILED, variant, "Sum"),
        "cpu": MinuteMetric(INSTANCES_NAMESPACE, names.CPU, variant, "Maximum"),
        _QUEUE_KNOWN: MinuteMetric(NAMESPACE, names.BACKLOG, queue, "SampleCount"),
        _INSTANCES_KNOWN: MinuteMetric(INSTANCES_NAMESPACE, names.CPU, variant, "SampleCount"),
    }
    work = ["backlog", "nocap", "started", "processed", "failed", f"(cpu >= {utilization_percent * vcpus})"]
    if on_gpu:
        used["gpu"] = MinuteMetric(INSTANCES_NAMESPACE, names.GPU, variant, "Maximum")
        work.append(f"(gpu >= {utilization_percent})")
    signs = " + ".join(work)
    return metric_queries("Idle", f"IF({signs} + {_QUEUE_KNOWN} * {_INSTANCES_KNOWN}, ({signs}) == 0)", used)
