"""EndpointStack: the part that costs money, and that can be destroyed alone."""

from pathlib import Path

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.async_endpoint import ANSWERS, FAILURES, AsyncEndpoint, Outcomes, log_group_name
from stacks.constructs.bucket_path import BucketPath
from stacks.constructs.endpoint_alarms import EndpointAlarms
from stacks.constructs.endpoint_metrics import EndpointMetrics
from stacks.constructs.execution_role import ExecutionRole
from stacks.constructs.model_archive import ModelArchive
from stacks.constructs.rollback_alarms import RollbackAlarms
from stacks.constructs.scale_to_zero import ScaleToZero
from stacks.constructs.serving_model import ServingModel
from stacks.foundation import FoundationStack
from stacks.instance_types import Device, vcpus_of
from stacks.rules import accept_wildcards
from stacks.settings.stage import StageSettings


class EndpointStack(Stack):
    """Role, model, endpoint, its scaling and its alarms; `endpoint` is for whoever builds on it."""

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
            description="Asynchronous endpoint: role, model, endpoint, its scaling from zero and its alarms",
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.termination_protection,
            tags=dict(settings.tags),
        )
        self._outcomes = Outcomes.from_settings(
            self,
            settings.output,
            foundation=foundation,
            included=settings.notifications.include_response,
        )
        metrics = EndpointMetrics(settings.endpoint.name, AsyncEndpoint.variant_name)
        rollback = RollbackAlarms(
            self, "RollbackAlarms", metrics=metrics, settings=settings.updates, topic=foundation.alarms.topic
        )
        role, model = self._model(settings, foundation, artifacts, rollback)
        self.endpoint = AsyncEndpoint(
            self,
            "Endpoint",
            model=model,
            execution_role=role,
            documents=foundation.buckets,
            outcomes=self._outcomes,
            key=foundation.key,
            settings=settings.endpoint,
            concurrent_invocations=settings.limits.concurrent_invocations,
            updates=settings.updates,
            rollback_alarms=rollback.alarms,
        )
        if settings.scaling.enabled:
            ScaleToZero(
                self,
                "Scaling",
                endpoint=self.endpoint,
                settings=settings.scaling,
                invocation_timeout_seconds=settings.limits.invocation_timeout_seconds,
                on_gpu=settings.endpoint.device == Device.GPU,
                vcpus=min(map(vcpus_of, settings.endpoint.instance_types)),
            )
        EndpointAlarms(
            self,
            "Alarms",
            metrics=metrics,
            kept_warm=settings.kept_warm,
            settings=settings.alarms,
            topic=foundation.alarms.topic,
        )
        self._add_outputs(settings, foundation, self._caller(settings, foundation))

    def _model(
        self, settings: StageSettings, foundation: FoundationStack, artifacts: Path, rollback: RollbackAlarms
    ) -> tuple[ExecutionRole, ServingModel]:
        archive = ModelArchive(self, "Archive", folder=artifacts, settings=settings.model)
        role = ExecutionRole(
            self,
            "Execution",
            archive=archive,
            read=[
                BucketPath.from_bucket(foundation.buckets.input),
                *(BucketPath.from_url(self, url) for url in settings.data.further_input_locations),
            ],
            written=self._outcomes.written,
            topics=foundation.topics.all,
            key=foundation.key,
            repository_arn=settings.image.repository_arn,
            log_group_name=log_group_name(settings.endpoint.name),
            rollback_alarms=rollback.alarms,
            in_vpc=bool(settings.network.subnet_ids),
        )
        model = ServingModel(
            self,
            "Model",
            image=settings.image,
            archive=archive,
            execution_role=role,
            settings=settings.model,
            limits=settings.limits,
            network=settings.network,
        )
        return role, model

    def _caller(self, settings: StageSettings, foundation: FoundationStack) -> iam.ManagedPolicy:
        caller = iam.ManagedPolicy(
            self, "Caller", description=f"Put documents, have endpoint {settings.endpoint.name} read them, get answers"
        )
        self.endpoint.grant_invoke(caller)
        accept_wildcards(
            caller,
            {
                foundation.buckets.input.arn_for_objects("*"): "A caller chooses its documents' keys.",
                **{
                    location.objects_arn: "SageMaker names each object; a caller gets answers and failures, no more."
                    for location in self._outcomes.written
                },
            },
        )
        return caller

    def _add_outputs(self, settings: StageSettings, foundation: FoundationStack, caller: iam.ManagedPolicy) -> None:
        buckets, topics = foundation.buckets, foundation.topics
        outputs = {
            "EndpointName": (self.endpoint.endpoint_name, "The endpoint to invoke"),
            "InputBucketName": (buckets.input.bucket_name, "Where documents are put"),
            "OutputBucketName": (
                buckets.output.bucket_name,
                f"Where answers ({ANSWERS}/) and failures ({FAILURES}/) are found",
            ),
            "CallerPolicyArn": (caller.managed_policy_arn, "Policy to attach to whoever has documents read"),
            "InvokeCommand": (
                self._invoke_command(settings, buckets.input.bucket_name),
                "Has document.png of the current folder read",
            ),
        }
        if topics.success:
            outputs["SuccessTopicArn"] = (topics.success.topic_arn, "Tells of each answer")
        if topics.error:
            outputs["ErrorTopicArn"] = (topics.error.topic_arn, "Tells of each failure")
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
            f"--invocation-timeout-seconds {settings.limits.invocation_timeout_seconds}"
        )
