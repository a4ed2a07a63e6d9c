"""EndpointStack: the part that costs money, and that can be destroyed alone."""

from datetime import date
from pathlib import Path

from aws_cdk import aws_iam as iam
from constructs import Construct

from async_endpoint.protocol import RUN_UPLOADS, request_content_type
from stacks.constructs.async_endpoint import AsyncEndpoint, log_group_name
from stacks.constructs.bucket_path import BucketPath
from stacks.constructs.endpoint_alarms import EndpointAlarms
from stacks.constructs.endpoint_metrics import EndpointMetrics
from stacks.constructs.execution_role import ExecutionRole
from stacks.constructs.model_archive import ModelArchive
from stacks.constructs.output_locations import FAILURES, RESULTS, OutputLocations
from stacks.constructs.rollback_alarms import RollbackAlarms
from stacks.constructs.scale_to_zero import ScaleToZero
from stacks.constructs.serving_model import ServingModel
from stacks.foundation import FoundationStack
from stacks.instance_types import Device, vcpus_of
from stacks.patches import warn_of_end
from stacks.rules import suppress_wildcards
from stacks.settings.stage import StageSettings
from stacks.stage_stack import StageStack


class EndpointStack(StageStack):
    """Execution role, model, endpoint, its scaling and its alarms. Callers take permissions from `endpoint`.

    Only warnings depend on the day, never the template: the same settings give the same template on every day.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        foundation: FoundationStack,
        artifacts: Path,
        today: date | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            description="execution role, model, endpoint, scaling from zero, alarms",
        )
        self._settings = settings
        self._foundation = foundation
        self._locations = OutputLocations.from_settings(
            self,
            settings.output,
            bucket=foundation.buckets.output,
            published=foundation.published,
            included=settings.notifications.include_response,
        )
        metrics = EndpointMetrics(settings.endpoint.name, AsyncEndpoint.variant_name)
        rollback = RollbackAlarms(
            self, "RollbackAlarms", metrics=metrics, settings=settings.updates, topic=foundation.alarms.topic
        )
        self.endpoint = self._endpoint(artifacts, rollback)
        if settings.image.exact:
            acknowledged = settings.endpoint.acknowledged_warnings
            warn_of_end(self.endpoint, settings.image.base, today=today, acknowledged=acknowledged)
        if settings.scaling.enabled:
            self._scale()
        EndpointAlarms(
            self,
            "Alarms",
            metrics=metrics,
            kept_warm=settings.kept_warm,
            settings=settings.alarms,
            topic=foundation.alarms.topic,
        )
        self._add_outputs(self._stack_outputs(self._caller()))

    def _endpoint(self, artifacts: Path, rollback: RollbackAlarms) -> AsyncEndpoint:
        settings, foundation = self._settings, self._foundation
        archive = ModelArchive(
            self,
            "Archive",
            folder=artifacts,
            settings=settings.model,
            image=settings.image.base,
            batch_size=settings.serving.batch_size,
        )
        role = self._execution_role(archive, rollback)
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
        return AsyncEndpoint(
            self,
            "Endpoint",
            model=model,
            execution_role=role,
            documents=foundation.buckets,
            outputs=self._locations,
            key=foundation.key,
            settings=settings.endpoint,
            concurrent_invocations=settings.limits.concurrent_invocations,
            updates=settings.updates,
            rollback_alarms=rollback.alarms,
        )

    def _execution_role(self, archive: ModelArchive, rollback: RollbackAlarms) -> ExecutionRole:
        settings, foundation = self._settings, self._foundation
        return ExecutionRole(
            self,
            "Execution",
            archive=archive,
            read=[
                BucketPath.from_bucket(foundation.buckets.input),
                *(BucketPath.from_url(self, url) for url in settings.data.further_input_locations),
            ],
            written=self._locations.written,
            topics=foundation.topics.all,
            key=foundation.key,
            repository_arn=settings.image.repository_arn,
            log_group_name=log_group_name(settings.endpoint.name),
            rollback_alarms=rollback.alarms,
            in_vpc=bool(settings.network.subnet_ids),
        )

    def _scale(self) -> None:
        settings = self._settings
        ScaleToZero(
            self,
            "Scaling",
            endpoint=self.endpoint,
            settings=settings.scaling,
            invocation_timeout_seconds=settings.limits.invocation_timeout_seconds,
            on_gpu=settings.endpoint.device == Device.GPU,
            vcpus=min(map(vcpus_of, settings.endpoint.instance_types)),
        )

    def _caller(self) -> iam.ManagedPolicy:
        name = self._settings.endpoint.name
        caller = iam.ManagedPolicy(
            self,
            "Caller",
            # Create-only: another text replaces the policy, and with it what callers have attached.
            description=f"Put documents, have endpoint {name} read them, get answers",
        )
        self.endpoint.grant_invoke(caller)
        suppress_wildcards(
            caller,
            {
                self._foundation.buckets.input.arn_for_objects("*"): "A caller chooses its documents' keys.",
                self._foundation.buckets.input.arn_for_objects(f"{RUN_UPLOADS}*"): "A run names its uploads.",
                **{
                    path.objects_arn: "SageMaker names each object; a caller may get results and failures, no more."
                    for path in self._locations.written
                },
            },
        )
        return caller

    def _stack_outputs(self, caller: iam.ManagedPolicy) -> dict[str, tuple[str, str]]:
        buckets, topics = self._foundation.buckets, self._foundation.topics
        outputs = {
            "EndpointName": (self.endpoint.endpoint_name, "Endpoint to invoke"),
            "InputBucketName": (buckets.input.bucket_name, "Bucket for documents"),
            "OutputBucketName": (
                buckets.output.bucket_name,
                f"Bucket with results ({RESULTS}/) and failures ({FAILURES}/)",
            ),
            "CallerPolicyArn": (caller.managed_policy_arn, "Policy to attach to callers of the endpoint"),
            "InvokeCommand": (
                self._invoke_command(buckets.input.bucket_name),
                f"Command that submits {self._document} of the current folder",
            ),
        }
        if topics.success:
            outputs["SuccessTopicArn"] = (topics.success.topic_arn, "Topic for successful results")
        if topics.error:
            outputs["ErrorTopicArn"] = (topics.error.topic_arn, "Topic for failures")
        return outputs

    @property
    def _document(self) -> str:
        """The name of a document of the sample's kind."""
        return f"document{Path(self._settings.model.sample or '.png').suffix or '.png'}"

    def _invoke_command(self, input_bucket: str) -> str:
        settings = self._settings
        document = f"s3://{input_bucket}/{self._document}"
        return (
            f"aws s3 cp {self._document} {document} --region {settings.region} && "
            f"aws sagemaker-runtime invoke-endpoint-async --region {settings.region} "
            f"--endpoint-name {self.endpoint.endpoint_name} --input-location {document} "
            f"--content-type {request_content_type(self._document)} "
            f"--request-ttl-seconds {settings.endpoint.request_ttl_seconds} "
            f"--invocation-timeout-seconds {settings.limits.invocation_timeout_seconds}"
        )
