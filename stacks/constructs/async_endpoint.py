"""The asynchronous endpoint: its configuration, its logs, itself, and who may call it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.constructs.document_buckets import DocumentBuckets
from stacks.constructs.encryption_key import to_use
from stacks.constructs.execution_role import ExecutionRole
from stacks.constructs.published_values import ERROR_TOPIC, KEY, OUTPUT_BUCKET, SUCCESS_TOPIC
from stacks.constructs.s3_locations import S3Location
from stacks.constructs.serving_model import ServingModel
from stacks.foundation import FoundationStack
from stacks.instance_types import has_instance_storage
from stacks.rules import accept
from stacks.settings.endpoint import EndpointSettings
from stacks.settings.notifications import SUCCESS
from stacks.settings.output import NONE, OWN, OutputSettings
from stacks.settings.updates import ALL_AT_ONCE, CANARY, ROLLING, UpdateSettings

ANSWERS = "results"
FAILURES = "failures"


def log_group_name(endpoint_name: str) -> str:
    """The group that SageMaker writes an endpoint's logs to."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


@dataclass(frozen=True)
class Outcomes:
    """Where results and failures are written, None for nowhere; which topics are notified, with the response inside.

    The configuration's own copies (`result_url`, `failure_url`, `success_topic`, `error_topic`, `key_arn`) are of
    published values: all of its properties are create-only.
    """

    answers: S3Location | None
    failures: S3Location | None
    result_url: str | None
    failure_url: str | None
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
        foundation: FoundationStack,
        included: tuple[str, ...],
    ) -> Self:
        """Resolves `own`, `none` and locations in S3."""
        own = {"path": ANSWERS, "failure_path": FAILURES}
        found = {
            name: S3Location.of_bucket(foundation.buckets.output, prefix)
            if (path := getattr(settings, name)) == OWN
            else S3Location.of_url(scope, path)
            for name, prefix in own.items()
            if getattr(settings, name) != NONE
        }
        published = foundation.published
        urls = {
            name: f"s3://{published.read(scope, OUTPUT_BUCKET)}/{place.key}"
            if getattr(settings, name) == OWN
            else place.url
            for name, place in found.items()
        }
        topics = foundation.topics
        return cls(
            answers=found.get("path"),
            failures=found.get("failure_path"),
            result_url=urls.get("path"),
            failure_url=urls.get("failure_path"),
            success_topic=published.read(scope, SUCCESS_TOPIC) if topics.success else None,
            error_topic=published.read(scope, ERROR_TOPIC) if topics.error else None,
            key_arn=published.read(scope, KEY) if foundation.key else None,
            included=included,
        )

    @property
    def written(self) -> tuple[S3Location, ...]:
        """The places that the endpoint writes to."""
        return tuple(location for location in (self.answers, self.failures) if location)


class AsyncEndpoint(Construct):
    """An endpoint of one variant that answers through S3 and the topics.

    Of its updates, those that set off one of `rollback_alarms` go back to the old configuration.
    """

    # One variant: the backlog metrics that scaling goes by carry no variant's name.
    variant_name = "AllTraffic"

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: ServingModel,
        execution_role: ExecutionRole,
        documents: DocumentBuckets,
        outcomes: Outcomes,
        key: kms.IKey | None,
        settings: EndpointSettings,
        concurrent_invocations: int,
        updates: UpdateSettings,
        rollback_alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, construct_id)
        self._documents = documents
        self._outcomes = outcomes
        self._key = key
        self.log_group = self._log_group(settings)
        self.config = self._config(model, settings, concurrent_invocations)
        self.resource = sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=settings.name,
            endpoint_config_name=self.config.attr_endpoint_config_name,
            deployment_config=_deployment_config(updates, rollback_alarms),
            # True would bring the live instances' number over: 0 instances at night would prove no new model.
            retain_all_variant_properties=updates.retain_capacity or None,
        )
        # CreateEndpoint checks the role and starts to log at once.
        self.resource.node.add_dependency(execution_role.policy, self.log_group)

    @property
    def endpoint_name(self) -> str:
        """The endpoint's name, known once it is there; `Ref` would give an ARN."""
        return self.resource.attr_endpoint_name

    @property
    def endpoint_arn(self) -> str:
        """The endpoint's ARN."""
        return self.resource.ref

    def grant_invoke(self, grantee: iam.IGrantable) -> None:
        """Lets somebody put documents, have them read, and get answers and failures.

        Raises:
            ValueError: For a grantee that takes no policy, as a service or a role that was imported as immutable.
        """
        statements = [
            iam.PolicyStatement(sid="Invoke", actions=["sagemaker:InvokeEndpointAsync"], resources=[self.endpoint_arn]),
            iam.PolicyStatement(
                sid="PutDocuments",
                # A big document is put in parts, and parts are given up by whoever put them.
                actions=["s3:PutObject", "s3:AbortMultipartUpload"],
                resources=[self._documents.input.arn_for_objects("*")],
            ),
        ]
        if written := self._outcomes.written:
            statements += [
                iam.PolicyStatement(
                    sid="GetAnswersAndFailures",
                    actions=["s3:GetObject"],
                    resources=[location.objects_arn for location in written],
                ),
                # Without it an answer that is not there yet is 403, not 404.
                iam.PolicyStatement(
                    sid="ListAnswers",
                    actions=["s3:ListBucket"],
                    resources=list(dict.fromkeys(location.bucket_arn for location in written)),
                ),
            ]
        if self._key:
            statements.append(to_use(self._key))
        for statement in statements:
            if not grantee.grant_principal.add_to_principal_policy(statement).statement_added:
                raise ValueError(f"{grantee} takes no policy; grant to a role, a user, a group or a managed policy.")

    def _log_group(self, settings: EndpointSettings) -> logs.CfnLogGroup:
        # Left to SageMaker the group would never expire. Always destroyed: kept, its name would block the next deploy.
        group = logs.CfnLogGroup(
            self,
            "Logs",
            log_group_name=log_group_name(settings.name),
            retention_in_days=settings.log_retention_days,
            kms_key_id=self._key.key_arn if self._key else None,
        )
        group.apply_removal_policy(RemovalPolicy.DESTROY)
        if not self._key:
            accept(
                group,
                {
                    "CKV_AWS_158": 'encryption is "aws-managed" for this stage: CloudWatch Logs encrypts every group '
                    "with keys of its own."
                },
            )
        return group

    def _config(
        self, model: ServingModel, settings: EndpointSettings, concurrent_invocations: int
    ) -> sagemaker.CfnEndpointConfig:
        """An unnamed EndpointConfig: every change replaces it, and a fixed name would stand in its own way."""
        config = sagemaker.CfnEndpointConfig
        resource = config(
            self,
            "Config",
            production_variants=[self._variant(model, settings)],
            async_inference_config=config.AsyncInferenceConfigProperty(
                client_config=config.AsyncInferenceClientConfigProperty(
                    # Unset, SageMaker chooses a figure that it does not publish.
                    max_concurrent_invocations_per_instance=concurrent_invocations
                ),
                output_config=self._output_config(),
            ),
            # The volume's key. NVMe storage is encrypted by its own hardware, and a key for it is refused.
            kms_key_id=None if _all_with_nvme(settings) else self._outcomes.key_arn,
        )
        if not resource.kms_key_id:
            reason = (
                "Instances of this type have NVMe storage, which their hardware encrypts; CreateEndpointConfig refuses "
                "a key for it."
                if self._key
                else 'encryption is "aws-managed" for this stage: SageMaker encrypts the volume with a key of its own.'
            )
            accept(
                resource,
                dict.fromkeys(("NIST.800.53.R5-SageMakerEndpointConfigurationKMSKeyConfigured", "CKV_AWS_98"), reason),
            )
        return resource

    def _variant(
        self, model: ServingModel, settings: EndpointSettings
    ) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
        config = sagemaker.CfnEndpointConfig
        # A type alone, or pools of types in the order in which they are tried: never both.
        pools = [
            config.InstancePoolProperty(instance_type=instance_type, priority=priority)
            for priority, instance_type in enumerate(settings.instance_types, start=1)
        ]
        return config.ProductionVariantProperty(
            variant_name=self.variant_name,
            model_name=model.model_name,
            instance_type=None if settings.fallback_instance_types else settings.instance_type,
            instance_pools=pools if settings.fallback_instance_types else None,
            variant_instance_provision_timeout_in_seconds=settings.provision_timeout_seconds
            if settings.fallback_instance_types
            else None,
            # At least 1 here: only scaling takes an endpoint to 0.
            initial_instance_count=settings.initial_instance_count,
            initial_variant_weight=1,
            inference_ami_version=settings.inference_ami_version,
            volume_size_in_gb=settings.volume_gb,
            model_data_download_timeout_in_seconds=settings.model_download_timeout_seconds,
            container_startup_health_check_timeout_in_seconds=settings.startup_health_check_timeout_seconds,
        )

    def _output_config(self) -> sagemaker.CfnEndpointConfig.AsyncInferenceOutputConfigProperty:
        config, outcomes = sagemaker.CfnEndpointConfig, self._outcomes
        return config.AsyncInferenceOutputConfigProperty(
            s3_output_path=outcomes.result_url,
            s3_failure_path=outcomes.failure_url,
            kms_key_id=outcomes.key_arn,
            notification_config=config.AsyncInferenceNotificationConfigProperty(
                success_topic=outcomes.success_topic,
                error_topic=outcomes.error_topic,
                include_inference_response_in=[
                    "SUCCESS_NOTIFICATION_TOPIC" if topic == SUCCESS else "ERROR_NOTIFICATION_TOPIC"
                    for topic in outcomes.included
                ]
                or None,
            )
            if outcomes.success_topic or outcomes.error_topic
            else None,
        )


def _all_with_nvme(settings: EndpointSettings) -> bool:
    return all(has_instance_storage(instance_type) for instance_type in settings.instance_types)


def _deployment_config(
    settings: UpdateSettings, alarms: Sequence[cloudwatch.IAlarm]
) -> sagemaker.CfnEndpoint.DeploymentConfigProperty:
    """How traffic moves: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html."""
    endpoint = sagemaker.CfnEndpoint
    step = endpoint.CapacitySizeProperty(type="CAPACITY_PERCENT", value=settings.step_percent)
    rollback = (
        endpoint.AutoRollbackConfigProperty(
            alarms=[endpoint.AlarmProperty(alarm_name=alarm.alarm_name) for alarm in alarms]
        )
        if alarms
        else None
    )
    if settings.strategy == ROLLING:
        return endpoint.DeploymentConfigProperty(
            auto_rollback_configuration=rollback,
            rolling_update_policy=endpoint.RollingUpdatePolicyProperty(
                maximum_batch_size=step,
                wait_interval_in_seconds=settings.wait_seconds,
                maximum_execution_timeout_in_seconds=settings.maximum_execution_seconds,
            ),
        )
    if settings.strategy == ALL_AT_ONCE:
        # The wait is required by the API, though there is nothing to wait between.
        routing = endpoint.TrafficRoutingConfigProperty(type="ALL_AT_ONCE", wait_interval_in_seconds=0)
    else:
        canary = settings.strategy == CANARY
        routing = endpoint.TrafficRoutingConfigProperty(
            type="CANARY" if canary else "LINEAR",
            canary_size=step if canary else None,
            linear_step_size=None if canary else step,
            wait_interval_in_seconds=settings.wait_seconds,
        )
    return endpoint.DeploymentConfigProperty(
        auto_rollback_configuration=rollback,
        blue_green_update_policy=endpoint.BlueGreenUpdatePolicyProperty(
            traffic_routing_configuration=routing,
            termination_wait_in_seconds=settings.termination_wait_seconds,
            # Unset it is an undocumented figure; CloudFormation waits as long as this for a stuck update.
            maximum_execution_timeout_in_seconds=settings.maximum_execution_seconds,
        ),
    )
