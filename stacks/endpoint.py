"""EndpointStack: the part that costs money, and that can be destroyed alone."""

from pathlib import Path

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.async_endpoint import ANSWERS, FAILURES, AsyncEndpoint, log_group_name
from stacks.constructs.execution_role import ExecutionRole
from stacks.constructs.model_archive import ModelArchive
from stacks.constructs.scale_to_zero import ScaleToZero
from stacks.constructs.serving_model import ServingModel
from stacks.foundation import FoundationStack
from stacks.rules import accept_wildcards
from stacks.settings import StageSettings


class EndpointStack(Stack):
    """Role, model, endpoint and scaling; `endpoint` and `scaling` are for the stacks around it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        foundation: FoundationStack,
        artifacts: Path,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=f"async-endpoint-{settings.stage}-endpoint",
            description="Asynchronous endpoint: role, model, endpoint and its scaling from zero",
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.termination_protection,
            tags=dict(settings.tags),
        )
        archive = ModelArchive(self, "Archive", folder=artifacts)
        role = ExecutionRole(
            self,
            "Execution",
            buckets=foundation.buckets,
            written_prefixes=(ANSWERS, FAILURES),
            topics=foundation.topics,
            archive_arn=archive.object_arn,
            repository_arn=settings.image.repository_arn,
            log_group_name=log_group_name(settings.endpoint.name),
        )
        model = ServingModel(
            self, "Model", image=settings.image, archive=archive, execution_role=role, settings=settings.serving
        )
        self.endpoint = AsyncEndpoint(
            self,
            "Endpoint",
            model=model,
            execution_role=role,
            buckets=foundation.buckets,
            topics=foundation.topics,
            settings=settings.endpoint,
        )
        self.scaling = ScaleToZero(self, "Scaling", endpoint=self.endpoint, settings=settings.scaling)
        caller = iam.ManagedPolicy(
            self, "Caller", description=f"Put documents, have endpoint {settings.endpoint.name} read them, get answers"
        )
        self.endpoint.grant_invoke(caller)
        accept_wildcards(
            caller,
            {
                foundation.buckets.input.arn_for_objects("*"): "A caller chooses its documents' keys.",
                **dict.fromkeys(
                    (foundation.buckets.output.arn_for_objects(f"{prefix}/*") for prefix in (ANSWERS, FAILURES)),
                    "SageMaker names each object; a caller gets answers and failures and nothing else.",
                ),
            },
        )
        self._say_where_things_are(settings, foundation, caller)

    def _say_where_things_are(
        self, settings: StageSettings, foundation: FoundationStack, caller: iam.ManagedPolicy
    ) -> None:
        buckets, topics = foundation.buckets, foundation.topics
        outputs = {
            "EndpointName": (self.endpoint.endpoint_name, "The endpoint to invoke"),
            "InputBucketName": (buckets.input.bucket_name, "Where documents are put"),
            "OutputBucketName": (
                buckets.output.bucket_name,
                f"Where answers ({ANSWERS}/) and failures ({FAILURES}/) are found",
            ),
            "SuccessTopicArn": (topics.success.topic_arn, "Tells of each answer"),
            "ErrorTopicArn": (topics.error.topic_arn, "Tells of each failure"),
            "CallerPolicyArn": (caller.managed_policy_arn, "Policy to attach to whoever has documents read"),
            "InvokeCommand": (
                self._invoke_command(settings, buckets.input.bucket_name),
                "Has document.png of the current folder read",
            ),
        }
        for output_id, (value, description) in outputs.items():
            CfnOutput(self, output_id, value=value, description=description)

    def _invoke_command(self, settings: StageSettings, input_bucket: str) -> str:
        document = f"s3://{input_bucket}/document.png"
        return (
            f"aws s3 cp document.png {document} --region {settings.region} && "
            f"aws sagemaker-runtime invoke-endpoint-async --region {settings.region} "
            f"--endpoint-name {self.endpoint.endpoint_name} --input-location {document} "
            f"--content-type application/x-image "
            f"--request-ttl-seconds {settings.endpoint.request_ttl_seconds} "
            f"--invocation-timeout-seconds {settings.endpoint.invocation_timeout_seconds}"
        )
