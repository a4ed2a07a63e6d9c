"""The SageMaker model: an image, an archive, and the model server's environment."""

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from async_endpoint.protocol.serving_images import IMAGE_BASE
from stacks.constructs.execution_role import ExecutionRole
from stacks.constructs.model_archive import ModelArchive
from stacks.rules import suppress
from stacks.serving_images import StageImage
from stacks.serving_limits import ServingLimits
from stacks.settings.model import INCLUDED, ModelSettings
from stacks.settings.network import NetworkSettings


class ServingModel(Construct):
    """An unnamed Model: every change replaces it, and a fixed name would block the replacement."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        image: StageImage,
        archive: ModelArchive,
        execution_role: ExecutionRole,
        settings: ModelSettings,
        limits: ServingLimits,
        network: NetworkSettings,
    ) -> None:
        super().__init__(scope, construct_id)
        self.resource = sagemaker.CfnModel(
            self,
            "Resource",
            execution_role_arn=execution_role.role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image.uri,
                model_data_url=archive.url,
                model_data_source=archive.data_source,
                environment={**_environment(archive, limits), **settings.environment},
            ),
            enable_network_isolation=network.isolation or None,
            vpc_config=sagemaker.CfnModel.VpcConfigProperty(
                subnets=list(network.subnet_ids), security_group_ids=list(network.security_group_ids)
            )
            if network.subnet_ids
            else None,
        )
        if not image.exact:
            # A URI does not say it, and checks of the template want to know in which environment the model is tried.
            self.resource.add_metadata(IMAGE_BASE, image.base.name)
        if not network.isolation:
            suppress(self.resource, {"CKV_AWS_370": _why_not_isolated(settings)})
        self.resource.node.add_dependency(execution_role.policy)

    @property
    def model_name(self) -> str:
        """The generated name; `Ref` would give an ARN."""
        return self.resource.attr_model_name


def _why_not_isolated(settings: ModelSettings) -> str:
    if settings.dependencies == INCLUDED:
        return "network.isolation is false for this stage: its model's code may call other services."
    return 'model.dependencies is "install" for this stage: the container gets its packages when it starts.'


def _environment(archive: ModelArchive, limits: ServingLimits) -> dict[str, str]:
    named = {"SAGEMAKER_PROGRAM": "inference.py"} | limits.environment
    # Results name the model's version. A model that is not built here has none.
    return named | {"MODEL_VERSION": archive.version} if archive.version else named
