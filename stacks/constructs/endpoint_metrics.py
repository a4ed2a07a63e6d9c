"""The metrics that an asynchronous endpoint has, with the dimensions they have and no others.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE = "AWS/SageMaker"
INSTANCES_NAMESPACE = "/aws/sagemaker/Endpoints"
MINUTE = 60

# The queue belongs to the endpoint: a variant's name more would match nothing.
BACKLOG = "ApproximateBacklogSize"
BACKLOG_PER_INSTANCE = "ApproximateBacklogSizePerInstance"
OLDEST = "ApproximateAgeOfOldestRequest"
WITHOUT_CAPACITY = "HasBacklogWithoutCapacity"

# These belong to the variant.
PROCESSED = "InvocationsProcessed"
FAILED = "InvocationFailures"
EXPIRED = "ExpiredRequests"
NOTIFICATION_FAILURES = "NotificationFailures"
UPLOAD_FAILURES = "ResponseUploadFailures"
ERRORS_4XX = "Invocation4XXErrors"
ERRORS_5XX = "Invocation5XXErrors"
TIME_IN_BACKLOG = "TimeInBacklog"
PROCESSING_TIME = "TotalProcessingTime"
DOWNLOAD_TIME = "RequestDownloadLatency"
MODEL_LATENCY = "ModelLatency"

# These are the variant's instances'. They are measured only while instances run.
CPU = "CPUUtilization"
GPU = "GPUUtilization"


@dataclass(frozen=True)
class EndpointMetrics:
    """The metrics of one endpoint of one variant."""

    endpoint_name: str
    variant_name: str

    def queue(
        self, name: str, statistic: str, *, period_seconds: int = MINUTE, label: str | None = None
    ) -> cloudwatch.Metric:
        """A metric of the endpoint's queue."""
        return self._metric(NAMESPACE, name, {"EndpointName": self.endpoint_name}, statistic, period_seconds, label)

    def variant(
        self, name: str, statistic: str, *, period_seconds: int = MINUTE, label: str | None = None
    ) -> cloudwatch.Metric:
        """A metric of the work that the variant has done."""
        return self._metric(NAMESPACE, name, self.of_variant, statistic, period_seconds, label)

    def instances(
        self, name: str, statistic: str, *, period_seconds: int = MINUTE, label: str | None = None
    ) -> cloudwatch.Metric:
        """A metric of the variant's instances, one sample a minute from each."""
        return self._metric(INSTANCES_NAMESPACE, name, self.of_variant, statistic, period_seconds, label)

    def running(self, *, period_seconds: int = MINUTE) -> cloudwatch.Metric:
        """How many instances run, which has no metric of its own: each sends one sample a minute."""
        return self.instances(CPU, "SampleCount", period_seconds=period_seconds, label="Instances")

    @property
    def of_variant(self) -> dict[str, str]:
        """The dimensions of a variant's metrics, name by name."""
        return {"EndpointName": self.endpoint_name, "VariantName": self.variant_name}

    @staticmethod
    def _metric(  # noqa: PLR0917 - a metric's own
        namespace: str, name: str, dimensions: dict[str, str], statistic: str, period_seconds: int, label: str | None
    ) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=name,
            dimensions_map=dimensions,
            statistic=statistic,
            period=Duration.seconds(period_seconds),
            label=label,
        )
