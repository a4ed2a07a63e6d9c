"""The settings of the endpoint: its name, its instances and its image."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName, ServingImage, tagged
from stacks.instance_types import Device, device_of, has_instance_storage
from stacks.machine_images import Verdict, running, verdict_of
from stacks.serving_images import IMAGE_URI_PATTERN, require_gpu
from stacks.settings.base import Section
from stacks.settings.fields import ListOf, LogRetentionDays, SettingsError, advice, as_written, listing, matching

EndpointName = Annotated[
    str,
    matching(
        r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "1 to 63 letters, digits and hyphens, a hyphen neither first nor last"
    ),
]
InstanceType = Annotated[str, matching(r"ml\..+", "the name of an instance type, such as ml.g4dn.xlarge")]
# The id of a warning names its image: who accepts one image has not accepted the next.
WarningId = Literal["end-of-patch-pytorch-1.11", "end-of-patch-pytorch-2.6"]
_REPOSITORIES = {image.repository for image in IMAGES.values()}
_NAMES = listing(f'"{name}"' for name in IMAGES)
Image = Annotated[
    str,
    matching(
        f"{'|'.join(map(re.escape, IMAGES))}|{IMAGE_URI_PATTERN}",
        f"one of {_NAMES}, or an image of your own in ECR with its tag or digest, "
        'such as "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/my-serving:1"',
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


def warning_id(image: ServingImage) -> str:
    """Returns the id of the warning that an image gets no more security patches."""
    return f"end-of-patch-{image.name}"


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
    image: Image = Field(
        DEFAULT_IMAGE,
        description="The container's image: one of [AWS's](images.md) by its name, or one of your own by its URI in "
        "the stage's region. Yours must contain the SageMaker inference toolkit and the model server of "
        "`endpoint.image_base`. A URI with repository and tag of one of AWS's, such as that of a private mirror, is "
        "treated as that image.",
    )
    image_base: ImageName | None = Field(
        None,
        description="Only for an image of your own: which image it is built from. That decides the packages of the "
        'archive, the local checks and the model server\'s variables. Without it, `"pytorch-1.11"`.',
    )
    acknowledged_warnings: ListOf[WarningId] = Field(
        (),
        max_length=len(get_args(WarningId)),
        description="Warnings of the synth that you know and accept, by their ids, such as that an image gets no more "
        "security patches. They are no longer shown, also not to `cdk synth --strict`.",
    )
    device: Device = Field(
        Device.GPU,
        strict=False,  # TOML has texts, not members of an Enum
        description="Which of the image's two forms is used. Must match the instance type.",
    )
    inference_ami_version: InferenceAmiVersion | None = Field(
        None,
        json_schema_extra=advice("SageMaker's machine images for GPUs"),
        description="Machine image under the container (`InferenceAmiVersion`), with NVIDIA driver 535, 535, 550 or "
        "580. Without it, SageMaker chooses. A pair with the image that is [known to fail](images.md#machine-images) "
        "is rejected. Only for GPU types.",
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

    @property
    def known_image(self) -> ServingImage | None:
        """The image of AWS's that the endpoint runs, also from a mirror; None for one of which nothing is known."""
        if self.image in IMAGES:
            return IMAGES[self.image]
        known = tagged(self.image)
        return known[0] if known else None

    @model_validator(mode="before")
    @classmethod
    def _check_old_names(cls, table: Any) -> Any:
        """Says what to write instead of the settings that `image` has replaced."""
        if isinstance(table, Mapping):
            for name, image in (("framework_version", DEFAULT_IMAGE), ("image_uri", table.get("image_uri"))):
                if name in table:
                    raise SettingsError(
                        f"endpoint.{name} has been replaced by endpoint.image: write image = {as_written(image)} "
                        "in its place."
                    )
        return table

    @model_validator(mode="after")
    def _check_image(self) -> Self:
        """Checks that what is said beside the image agrees with what is known of it."""
        if self.image_base is not None and self.image in IMAGES:
            raise SettingsError(
                f'endpoint.image_base is "{self.image_base}" and endpoint.image "{self.image}", which is one of '
                "AWS's images: take image_base out; it is for an image of your own."
            )
        known = tagged(self.image)
        repository = re.split("[:@]", self.image)[0].rpartition("/")[2]
        if self.image not in IMAGES and not known and self.image_base is None and repository in _REPOSITORIES:
            raise SettingsError(
                f'endpoint.image is "{self.image}", and its tag or digest does not say which of AWS\'s images it is: '
                "give the tag that docs/images.md names, or add image_base with the image that is nearest to it."
            )
        if known and self.image_base not in {None, known[0].name}:
            raise SettingsError(
                f'endpoint.image_base is "{self.image_base}" and endpoint.image "{self.image}", which is '
                f"{known[0].name} by its repository and tag: take image_base out."
            )
        if known and known[1] != self.device:
            raise SettingsError(
                f'endpoint.device is "{self.device}" and endpoint.image "{self.image}", which is built for '
                f'{known[1].upper()}: name the image for {self.device.upper()}, or set device = "{known[1]}" and '
                f"choose a {known[1].upper()} type."
            )
        return self

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
        image, chosen = self.known_image, self.inference_ami_version
        if image is not None and chosen is not None and verdict_of(image, chosen) == Verdict.FAILS:
            raise SettingsError(
                f'endpoint.inference_ami_version is "{chosen}"; the image {image.name} (CUDA {image.cuda.version}) is '
                f"known not to start there: take it out, or choose {' or '.join(running(image))}."
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
            # The CUDA of another image is unknown here.
            if found == Device.GPU and self.known_image is not None:
                require_gpu(instance_type, image=self.known_image, field=field)
            if self.volume_gb is not None and has_instance_storage(instance_type):
                raise SettingsError(
                    f'endpoint.volume_gb is {self.volume_gb} but {field} "{instance_type}" brings its own NVMe '
                    "storage and takes no volume: take volume_gb out, or choose a type without instance storage, "
                    "such as ml.p3.2xlarge or ml.m5.xlarge."
                )
        return self
