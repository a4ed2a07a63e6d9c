"""The asynchronous endpoint: its configuration, its logs, itself, and who may call it."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.constructs.document_buckets import DocumentBuckets
from stacks.constructs.execution_role import ExecutionRole
from stacks.constructs.notification_topics import NotificationTopics
from stacks.constructs.serving_model import ServingModel
from stacks.settings import EndpointSettings

ANSWERS = "results"
FAILURES = "failures"


def log_group_name(endpoint_name: str) -> str:
    """The group that SageMaker writes an endpoint's logs to."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


class AsyncEndpoint(Construct):
    """An endpoint of one variant that answers through the output bucket and the topics."""

    # One variant: the backlog metrics that scaling goes by carry no variant's name.
    variant_name = "AllTraffic"

    def __init__(  # noqa: PLR0913 - what it is wired to, each by its keyword
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: ServingModel,
        execution_role: ExecutionRole,
        buckets: DocumentBuckets,
        topics: NotificationTopics,
        settings: EndpointSettings,
    ) -> None:
        super().__init__(scope, construct_id)
        self._buckets = buckets
        self.log_group = self._log_group(settings)
        self.config = self._config(model, topics, settings)
        self.resource = sagemaker.CfnEndpoint(
            self, "Resource", endpoint_name=settings.name, endpoint_config_name=self.config.attr_endpoint_config_name
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
        objects = self._buckets.output.arn_for_objects
        statements = [
            iam.PolicyStatement(sid="Invoke", actions=["sagemaker:InvokeEndpointAsync"], resources=[self.endpoint_arn]),
            iam.PolicyStatement(
                sid="PutDocuments", actions=["s3:PutObject"], resources=[self._buckets.input.arn_for_objects("*")]
            ),
            iam.PolicyStatement(
                sid="GetAnswersAndFailures",
                actions=["s3:GetObject"],
                resources=[objects(f"{ANSWERS}/*"), objects(f"{FAILURES}/*")],
            ),
            # Without it an answer that is not there yet is 403, not 404.
            iam.PolicyStatement(
                sid="ListAnswers", actions=["s3:ListBucket"], resources=[self._buckets.output.bucket_arn]
            ),
        ]
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
        )
        group.apply_removal_policy(RemovalPolicy.DESTROY)
        return group

    def _config(
        self, model: ServingModel, topics: NotificationTopics, settings: EndpointSettings
    ) -> sagemaker.CfnEndpointConfig:
        """An unnamed EndpointConfig: every change replaces it, and a fixed name would stand in its own way."""
        config = sagemaker.CfnEndpointConfig
        return config(
            self,
            "Config",
            production_variants=[
                config.ProductionVariantProperty(
                    variant_name=self.variant_name,
                    model_name=model.model_name,
                    instance_type=settings.instance_type,
                    # At least 1 here: only scaling takes an endpoint to 0.
                    initial_instance_count=settings.initial_instance_count,
                    initial_variant_weight=1,
                    model_data_download_timeout_in_seconds=settings.model_download_timeout_seconds,
                    container_startup_health_check_timeout_in_seconds=settings.startup_health_check_timeout_seconds,
                )
            ],
            async_inference_config=config.AsyncInferenceConfigProperty(
                client_config=config.AsyncInferenceClientConfigProperty(
                    # Unset, SageMaker chooses a figure that it does not publish.
                    max_concurrent_invocations_per_instance=settings.max_concurrent_invocations
                ),
                output_config=config.AsyncInferenceOutputConfigProperty(
                    s3_output_path=self._buckets.output.s3_url_for_object(ANSWERS),
                    s3_failure_path=self._buckets.output.s3_url_for_object(FAILURES),
                    notification_config=config.AsyncInferenceNotificationConfigProperty(
                        success_topic=topics.success.topic_arn, error_topic=topics.error.topic_arn
                    ),
                ),
            ),
        )
