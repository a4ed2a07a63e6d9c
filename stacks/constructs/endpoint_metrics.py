"""The metrics of an asynchronous endpoint, with exactly their dimensions.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE = "AWS/SageMaker"
INSTANCES_NAMESPACE = "/aws/sagemaker/Endpoints"
MINUTE = 60

# Of the endpoint's queue: with a variant's name as second dimension they would match nothing.
BACKLOG = "ApproximateBacklogSize"
BACKLOG_PER_INSTANCE = "ApproximateBacklogSizePerInstance"
OLDEST = "ApproximateAgeOfOldestRequest"
WITHOUT_CAPACITY = "HasBacklogWithoutCapacity"

# Of the variant.
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

# Of the variant's instances, and published only while instances run.
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
        """Returns a metric of the endpoint's queue."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map=self.queue_dimensions,
            statistic=statistic,
            period=Duration.seconds(period_seconds),
            label=label,
        )

    def variant(
        self, name: str, statistic: str, *, period_seconds: int = MINUTE, label: str | None = None
    ) -> cloudwatch.Metric:
        """Returns a metric of the variant's work."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map=self.variant_dimensions,
            statistic=statistic,
            period=Duration.seconds(period_seconds),
            label=label,
        )

    def running(self, *, period_seconds: int = MINUTE) -> cloudwatch.Metric:
        """Returns the number of running instances: AWS has no metric for it, but each sends one CPU sample a minute."""
        return cloudwatch.Metric(
            namespace=INSTANCES_NAMESPACE,
            metric_name=CPU,
            dimensions_map=self.variant_dimensions,
            statistic="SampleCount",
            period=Duration.seconds(period_seconds),
            label="Instances",
        )

    @property
    def queue_dimensions(self) -> dict[str, str]:
        """The dimensions of the queue's metrics: name → value."""
        return {"EndpointName": self.endpoint_name}

    @property
    def variant_dimensions(self) -> dict[str, str]:
        """The dimensions of the variant's metrics: name → value."""
        return {"EndpointName": self.endpoint_name, "VariantName": self.variant_name}
