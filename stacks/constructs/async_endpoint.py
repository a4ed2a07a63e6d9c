"""The asynchronous endpoint: its configuration, its log group, and the permission to invoke it."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from async_endpoint.protocol import RUN_UPLOADS, VARIANT_NAME
from stacks.constructs.deployment_config import deployment_config
from stacks.constructs.document_buckets import DocumentBuckets
from stacks.constructs.encryption_key import grant_use
from stacks.constructs.execution_role import ExecutionRole
from stacks.constructs.grants import grant
from stacks.constructs.output_locations import OutputLocations
from stacks.constructs.serving_model import ServingModel
from stacks.instance_types import has_instance_storage
from stacks.rules import suppress
from stacks.settings.endpoint import EndpointSettings
from stacks.settings.updates import UpdateSettings


def log_group_name(endpoint_name: str) -> str:
    """Returns the name of the log group to which SageMaker writes an endpoint's logs."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


class AsyncEndpoint(Construct):
    """An endpoint with one variant. It writes its output to `outputs`; `rollback_alarms` roll an update back."""

    # One variant: the backlog metrics, by which scaling works, have no dimension for the variant.
    variant_name = VARIANT_NAME

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: ServingModel,
        execution_role: ExecutionRole,
        documents: DocumentBuckets,
        outputs: OutputLocations,
        key: kms.IKey | None,
        settings: EndpointSettings,
        concurrent_invocations: int,
        updates: UpdateSettings,
        rollback_alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, construct_id)
        self._documents = documents
        self._outputs = outputs
        self._key = key
        self.log_group = self._log_group(settings)
        self.config = self._config(model, settings, concurrent_invocations)
        self.resource = sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=settings.name,
            endpoint_config_name=self.config.attr_endpoint_config_name,
            deployment_config=deployment_config(updates, rollback_alarms),
            # True keeps the current number of instances: 0 instances at night would not prove the new model.
            retain_all_variant_properties=updates.retain_capacity or None,
        )
        # CreateEndpoint checks the role, and SageMaker starts to log at once.
        self.resource.node.add_dependency(execution_role.policy, self.log_group)

    @property
    def endpoint_name(self) -> str:
        """The endpoint's name as an attribute of the resource; `Ref` is its ARN."""
        return self.resource.attr_endpoint_name

    @property
    def endpoint_arn(self) -> str:
        """The endpoint's ARN."""
        return self.resource.ref

    def grant_invoke(self, grantee: iam.IGrantable) -> None:
        """Allows the grantee to upload documents, invoke the endpoint, and read results and failures.

        Raises:
            ValueError: The grantee takes no policy, such as a service principal.
        """
        grant(
            grantee,
            iam.PolicyStatement(sid="Invoke", actions=["sagemaker:InvokeEndpointAsync"], resources=[self.endpoint_arn]),
            iam.PolicyStatement(
                sid="PutDocuments",
                # A large document is uploaded in parts, and its sender aborts an upload that fails.
                actions=["s3:PutObject", "s3:AbortMultipartUpload"],
                resources=[self._documents.input.arn_for_objects("*")],
            ),
            # A run that is continued deletes the upload of a document in doubt before it sends it again.
            iam.PolicyStatement(
                sid="DeleteUploadsOfRuns",
                actions=["s3:DeleteObject"],
                resources=[self._documents.input.arn_for_objects(f"{RUN_UPLOADS}*")],
            ),
        )
        if written := self._outputs.written:
            grant(
                grantee,
                iam.PolicyStatement(
                    sid="GetAnswersAndFailures",
                    actions=["s3:GetObject"],
                    resources=[path.objects_arn for path in written],
                ),
                # Without it a result that does not exist yet is 403, not 404.
                iam.PolicyStatement(
                    sid="ListAnswers",
                    actions=["s3:ListBucket"],
                    resources=list(dict.fromkeys(path.bucket_arn for path in written)),
                ),
            )
        if self._key:
            grant_use(self._key, grantee)

    def _log_group(self, settings: EndpointSettings) -> logs.CfnLogGroup:
        # A group that SageMaker creates never expires. Always destroyed: its name would block the next deploy.
        group = logs.CfnLogGroup(
            self,
            "Logs",
            log_group_name=log_group_name(settings.name),
            retention_in_days=settings.log_retention_days,
            kms_key_id=self._key.key_arn if self._key else None,
        )
        group.apply_removal_policy(RemovalPolicy.DESTROY)
        if not self._key:
            suppress(
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
        """Creates an unnamed EndpointConfig: every change replaces it, and a fixed name would block the replacement."""
        config = sagemaker.CfnEndpointConfig
        resource = config(
            self,
            "Config",
            production_variants=[self._variant(model, settings)],
            async_inference_config=config.AsyncInferenceConfigProperty(
                client_config=config.AsyncInferenceClientConfigProperty(
                    # The default is not documented.
                    max_concurrent_invocations_per_instance=concurrent_invocations
                ),
                output_config=self._outputs.render(),
            ),
            # The volume's key. Hardware encrypts NVMe storage, and SageMaker rejects a key for it.
            kms_key_id=None if _all_with_nvme(settings) else self._outputs.key_arn,
        )
        if not resource.kms_key_id:
            reason = (
                "Instances of this type have NVMe storage, which their hardware encrypts; CreateEndpointConfig refuses "
                "a key for it."
                if self._key
                else 'encryption is "aws-managed" for this stage: SageMaker encrypts the volume with a key of its own.'
            )
            suppress(
                resource,
                dict.fromkeys(("NIST.800.53.R5-SageMakerEndpointConfigurationKMSKeyConfigured", "CKV_AWS_98"), reason),
            )
        return resource

    def _variant(
        self, model: ServingModel, settings: EndpointSettings
    ) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
        config = sagemaker.CfnEndpointConfig
        # Either one type, or pools of types in the order in which SageMaker tries them.
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
            # At least 1: only Application Auto Scaling takes an endpoint to 0.
            initial_instance_count=settings.initial_instance_count,
            initial_variant_weight=1,
            inference_ami_version=settings.inference_ami_version,
            volume_size_in_gb=settings.volume_gb,
            model_data_download_timeout_in_seconds=settings.model_download_timeout_seconds,
            container_startup_health_check_timeout_in_seconds=settings.startup_health_check_timeout_seconds,
        )


def _all_with_nvme(settings: EndpointSettings) -> bool:
    return all(has_instance_storage(instance_type) for instance_type in settings.instance_types)
