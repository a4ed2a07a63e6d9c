"""The settings of the endpoint: its name, its instances and its image."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from stacks.instance_types import Device, device_of, has_instance_storage
from stacks.serving_images import IMAGE_URI_PATTERN, FrameworkVersion, require_gpu
from stacks.settings.base import Section
from stacks.settings.fields import ListOf, LogRetentionDays, SettingsError, advice, matching

EndpointName = Annotated[
    str,
    matching(
        r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "1 to 63 letters, digits and hyphens, a hyphen neither first nor last"
    ),
]
InstanceType = Annotated[str, matching(r"ml\..+", "the name of an instance type, such as ml.g4dn.xlarge")]
ImageUri = Annotated[
    str,
    matching(
        IMAGE_URI_PATTERN,
        "an image in ECR with its tag or digest, "
        "such as 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/my-serving:1",
    ),
]
# Of ProductionVariant's InferenceAmiVersion in SageMaker's service model, those for GPUs; asynchronous endpoints run on
# no Neuron. In all but the first the container's own CUDA compatibility stays unmounted.
InferenceAmiVersion = Literal[
    "al2-ami-sagemaker-inference-gpu-2",
    "al2-ami-sagemaker-inference-gpu-2-1",
    "al2-ami-sagemaker-inference-gpu-3-1",
    "al2023-ami-sagemaker-inference-gpu-4-1",
]


class EndpointSettings(Section):
    """The endpoint, its instances and its image."""

    table: ClassVar[str] = "endpoint"

    name: EndpointName = Field(
        description="The endpoint's name, which clients call. Another name makes another endpoint."
    )
    instance_type: InstanceType = Field(
        "ml.g4dn.xlarge",
        description="The preferred type of the instances: a CPU or GPU type for x86-64, with a GPU that the image "
        "supports.",
    )
    fallback_instance_types: ListOf[InstanceType] = Field(
        (),
        max_length=4,
        description="Types to try, in this order, when `endpoint.instance_type` has no capacity. All must be of the "
        "same device.",
    )
    provision_timeout_seconds: int = Field(
        600,
        ge=300,
        le=3600,
        json_schema_extra=advice("how long capacity of one type is tried for before the next type's"),
        description="How long each type is tried. Without fallback types it has no effect.",
    )
    volume_gb: int | None = Field(
        None,
        ge=1,
        le=512,
        description="Size of an instance's volume; without it, SageMaker chooses. Rejected for types with NVMe storage "
        "of their own, such as g4dn.",
    )
    framework_version: FrameworkVersion = Field(
        "1.11.0",
        description="Version of PyTorch in the image. The bundled model's packages run on this one, with Python 3.8.",
    )
    device: Device = Field(
        Device.GPU,
        strict=False,  # TOML has texts, not members of an Enum
        description="Which of the two images is used. Must match the instance type.",
    )
    image_uri: ImageUri | None = Field(
        None,
        description="An image of your own in ECR, in the stage's region, in place of the two above. It must contain "
        "the SageMaker inference toolkit for PyTorch. Any GPU type is accepted, because the image's CUDA is unknown.",
    )
    inference_ami_version: InferenceAmiVersion | None = Field(
        None,
        json_schema_extra=advice("SageMaker's machine images for GPUs"),
        description="Machine image under the container (`InferenceAmiVersion`), with NVIDIA driver 535, 535, 550 or "
        "580. SageMaker's default suits the PyTorch 1.11 image; newer images may need one of these. Only for GPU "
        "types.",
    )
    initial_instance_count: int = Field(
        1,
        ge=1,
        le=1000,
        json_schema_extra=advice("an endpoint starts with an instance; scaling takes it to 0"),
        description="Instances at each creation and update, at most `scaling.max_instances`. Only scaling takes an "
        "endpoint to 0.",
    )
    model_download_timeout_seconds: int = Field(
        600, ge=60, le=3600, description="How long an instance may take to download the model."
    )
    startup_health_check_timeout_seconds: int = Field(
        600, ge=60, le=3600, description="How long the container may take until it responds to health checks."
    )
    request_ttl_seconds: int = Field(
        21_600,
        ge=60,
        le=21_600,
        json_schema_extra=advice("how long a request may wait in the queue"),
        description="How long a request may wait in the queue. Each call carries it, the endpoint does not: the output "
        "`InvokeCommand` contains it, and the submit function passes it on.",
    )
    log_retention_days: LogRetentionDays = Field(30, description="Age at which the endpoint's logs are deleted.")

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Every type that an instance may be of, the preferred one first."""
        return (self.instance_type, *self.fallback_instance_types)

    @model_validator(mode="after")
    def _check_fallbacks(self) -> Self:
        """Checks that fallback types are not the preferred type."""
        if self.instance_type in self.fallback_instance_types:
            raise SettingsError(
                f'endpoint.fallback_instance_types names "{self.instance_type}", which is endpoint.instance_type: '
                "take it out of the list."
            )
        return self

    @model_validator(mode="after")
    def _check_machine_image(self) -> Self:
        """Checks that a machine image for GPUs is for a GPU."""
        if self.inference_ami_version is not None and self.device != Device.GPU:
            raise SettingsError(
                f'endpoint.inference_ami_version is "{self.inference_ami_version}" and endpoint.device '
                f'"{self.device}"; these machine images are for GPUs: take it out, or choose a GPU type.'
            )
        return self

    @model_validator(mode="after")
    def _check_instance_types(self) -> Self:
        """Checks that image and volume fit every instance type."""
        for index, instance_type in enumerate(self.instance_types):
            field = "endpoint.fallback_instance_types" if index else "endpoint.instance_type"
            found = device_of(instance_type, field=field)
            if found != self.device:
                raise SettingsError(
                    f'endpoint.device is "{self.device}" but {field} "{instance_type}" is a '
                    f'{found.upper()} type; set device = "{found}" or choose a {self.device.upper()} type.'
                )
            # The CUDA of a user's own image is unknown here.
            if found == Device.GPU and self.image_uri is None:
                require_gpu(instance_type, framework_version=self.framework_version, field=field)
            if self.volume_gb is not None and has_instance_storage(instance_type):
                raise SettingsError(
                    f'endpoint.volume_gb is {self.volume_gb} but {field} "{instance_type}" brings its own NVMe '
                    "storage and takes no volume: take volume_gb out, or choose a type without instance storage, "
                    "such as ml.p3.2xlarge or ml.m5.xlarge."
                )
        return self
