"""Where SageMaker writes results and failures, and which topics it notifies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.constructs.bucket_path import BucketPath
from stacks.constructs.published_values import ERROR_TOPIC, KEY, OUTPUT_BUCKET, SUCCESS_TOPIC, PublishedValues
from stacks.settings.notifications import SUCCESS
from stacks.settings.output import NONE, OWN, OutputSettings

RESULTS = "results"
FAILURES = "failures"


@dataclass(frozen=True)
class OutputLocations:
    """The output configuration of an endpoint.

    Attributes:
        results: Where results are written; None for nowhere.
        failures: Where failures are written; None for nowhere.
        results_url: As `results`, for the endpoint configuration: its properties are create-only, and take the bucket's
            name from a published value. The same holds for the attributes below.
        failures_url: As `failures`, for the endpoint configuration.
        success_topic: ARN of the topic for results; None if it is switched off.
        error_topic: ARN of the topic for failures; None if it is switched off.
        key_arn: The stage's own key; None if it has none.
        included: The topics whose notifications include the response.
    """

    results: BucketPath | None
    failures: BucketPath | None
    results_url: str | None
    failures_url: str | None
    success_topic: str | None
    error_topic: str | None
    key_arn: str | None
    included: tuple[str, ...]

    @classmethod
    def from_settings(
        cls,
        scope: Construct,
        settings: OutputSettings,
        *,
        bucket: s3.IBucket,
        published: PublishedValues,
        included: tuple[str, ...],
    ) -> Self:
        """Resolves `own`, `none` and locations in S3; `bucket` is the stage's output bucket."""
        results, results_url = _resolve(scope, settings.path, RESULTS, bucket=bucket, published=published)
        failures, failures_url = _resolve(scope, settings.failure_path, FAILURES, bucket=bucket, published=published)
        return cls(
            results=results,
            failures=failures,
            results_url=results_url,
            failures_url=failures_url,
            success_topic=published.find(scope, SUCCESS_TOPIC),
            error_topic=published.find(scope, ERROR_TOPIC),
            key_arn=published.find(scope, KEY),
            included=included,
        )

    @property
    def written(self) -> tuple[BucketPath, ...]:
        """The paths that the endpoint writes to."""
        return tuple(path for path in (self.results, self.failures) if path)

    def render(self) -> sagemaker.CfnEndpointConfig.AsyncInferenceOutputConfigProperty:
        """Returns the property of the endpoint configuration."""
        config = sagemaker.CfnEndpointConfig
        notifications = config.AsyncInferenceNotificationConfigProperty(
            success_topic=self.success_topic,
            error_topic=self.error_topic,
            include_inference_response_in=_topics_in_api(self.included) or None,
        )
        return config.AsyncInferenceOutputConfigProperty(
            s3_output_path=self.results_url,
            s3_failure_path=self.failures_url,
            kms_key_id=self.key_arn,
            notification_config=notifications if self.success_topic or self.error_topic else None,
        )


def _resolve(
    scope: Construct, setting: str, prefix: str, *, bucket: s3.IBucket, published: PublishedValues
) -> tuple[BucketPath | None, str | None]:
    """Returns a location that a setting names, and its URL for create-only properties."""
    path = written_path(scope, setting, prefix, bucket=bucket)
    if path and setting == OWN:
        return path, f"s3://{published.read(scope, OUTPUT_BUCKET)}/{prefix}"
    return path, path.url if path else None


def written_path(scope: Construct, setting: str, prefix: str, *, bucket: s3.IBucket) -> BucketPath | None:
    """Returns the path that a setting names: `own`, `none` or a location in S3.

    Args:
        scope: Has the partition.
        setting: The setting.
        prefix: The prefix in the stage's bucket, for `own`.
        bucket: The stage's output bucket.
    """
    if setting == NONE:
        return None
    return BucketPath.from_bucket(bucket, prefix) if setting == OWN else BucketPath.from_url(scope, setting)


def _topics_in_api(topics: Sequence[str]) -> list[str]:
    return ["SUCCESS_NOTIFICATION_TOPIC" if topic == SUCCESS else "ERROR_NOTIFICATION_TOPIC" for topic in topics]
