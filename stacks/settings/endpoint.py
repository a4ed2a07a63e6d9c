"""The settings of the endpoint: its name, instances and image, its answers and notifications, its network."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from stacks.instance_types import Device, device_of, has_instance_storage
from stacks.serving_images import FRAMEWORK_VERSIONS, IMAGE_URI, require_gpu
from stacks.settings.base import Section
from stacks.settings.fields import (
    LOG_RETENTION,
    S3_LOCATION,
    YES_OR_NO,
    ListOf,
    OneOf,
    SettingsError,
    Text,
    WholeNumber,
)

SUCCESS = "success"
ERROR = "error"
OWN = "own"
NONE = "none"
_INSTANCE_TYPE = Text(r"ml\..+", "the name of an instance type, as ml.g4dn.xlarge")
# Of ProductionVariant's InferenceAmiVersion in SageMaker's service model, those for GPUs; asynchronous endpoints run on
# no Neuron. Drivers 535, 535, 550 and 580; in all but the first the container's own CUDA compatibility stays unmounted.
INFERENCE_AMI_VERSIONS = (
    "al2-ami-sagemaker-inference-gpu-2",
    "al2-ami-sagemaker-inference-gpu-2-1",
    "al2-ami-sagemaker-inference-gpu-3-1",
    "al2023-ami-sagemaker-inference-gpu-4-1",
)
_TOPICS = ListOf(OneOf((SUCCESS, ERROR)), most=2)


@dataclass(frozen=True)
class _Path:
    """Where SageMaker writes: the stage's own output bucket, nowhere, or a location in S3."""

    def problem(self, value: object) -> str | None:
        if value in (OWN, NONE) or S3_LOCATION.problem(value) is None:
            return None
        return f'it must be "{OWN}" (the stage\'s output bucket), "{NONE}", or {S3_LOCATION.form}'


@dataclass(frozen=True, kw_only=True)
class EndpointSettings(Section):
    """The endpoint, its instances and its image."""

    table: ClassVar[str] = "endpoint"

    name: Annotated[
        str,
        Text(
            r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "1 to 63 letters, digits and hyphens, a hyphen neither first nor last"
        ),
    ]
    instance_type: Annotated[str, _INSTANCE_TYPE] = "ml.g4dn.xlarge"
    fallback_instance_types: Annotated[tuple[str, ...], ListOf(_INSTANCE_TYPE, most=4)] = ()
    provision_timeout_seconds: Annotated[
        int, WholeNumber(300, 3600, "how long capacity of one type is tried for before the next type's")
    ] = 600
    volume_gb: Annotated[int, WholeNumber(1, 512)] | None = None
    framework_version: Annotated[str, OneOf(FRAMEWORK_VERSIONS)] = "1.11.0"
    device: Annotated[str, OneOf((Device.GPU.value, Device.CPU.value))] = Device.GPU.value
    image_uri: Annotated[str, IMAGE_URI] | None = None
    inference_ami_version: (
        Annotated[str, OneOf(INFERENCE_AMI_VERSIONS, "the machine images for GPUs that SageMaker names")] | None
    ) = None
    initial_instance_count: Annotated[
        int, WholeNumber(1, 1000, "an endpoint starts with an instance; scaling takes it to 0")
    ] = 1
    model_download_timeout_seconds: Annotated[int, WholeNumber(60, 3600)] = 600
    startup_health_check_timeout_seconds: Annotated[int, WholeNumber(60, 3600)] = 600
    request_ttl_seconds: Annotated[int, WholeNumber(60, 21_600, "how long a request may wait in the queue")] = 21_600
    log_retention_days: Annotated[int, LOG_RETENTION] = 30

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Every type that an instance may be of, the preferred one first."""
        return (self.instance_type, *self.fallback_instance_types)

    def __post_init__(self) -> None:
        """Checks the fields, that image and machine image fit the instance types, and that a volume can be had."""
        super().__post_init__()
        if self.instance_type in self.fallback_instance_types:
            raise SettingsError(
                f'endpoint.fallback_instance_types names "{self.instance_type}", which is endpoint.instance_type: '
                "take it out of the list."
            )
        if self.inference_ami_version is not None and self.device != Device.GPU:
            raise SettingsError(
                f'endpoint.inference_ami_version is "{self.inference_ami_version}" and endpoint.device '
                f'"{self.device}"; these machine images are for GPUs: take it out, or choose a GPU type.'
            )
        for index, instance_type in enumerate(self.instance_types):
            field = "endpoint.fallback_instance_types" if index else "endpoint.instance_type"
            found = device_of(instance_type, field=field)
            if found != self.device:
                raise SettingsError(
                    f'endpoint.device is "{self.device}" but {field} "{instance_type}" is a '
                    f'{found.upper()} type; set device = "{found}" or choose a {self.device.upper()} type.'
                )
            # What CUDA an image of one's own has is not known here.
            if found == Device.GPU and self.image_uri is None:
                require_gpu(instance_type, framework_version=self.framework_version, field=field)
            if self.volume_gb is not None and has_instance_storage(instance_type):
                raise SettingsError(
                    f'endpoint.volume_gb is {self.volume_gb} but {field} "{instance_type}" brings its own NVMe '
                    "storage and takes no volume: take volume_gb out, or choose a type without instance storage, "
                    "as ml.p3.2xlarge or ml.m5.xlarge."
                )


@dataclass(frozen=True, kw_only=True)
class OutputSettings(Section):
    """Where answers and failures go."""

    table: ClassVar[str] = "output"

    path: Annotated[str, _Path()] = OWN
    failure_path: Annotated[str, _Path()] = OWN


@dataclass(frozen=True, kw_only=True)
class NotificationSettings(Section):
    """Who is told of an answer or a failure, and with what."""

    table: ClassVar[str] = "notifications"

    success: Annotated[bool, YES_OR_NO] = True
    error: Annotated[bool, YES_OR_NO] = True
    include_response: Annotated[tuple[str, ...], _TOPICS] = ()
    queues: Annotated[tuple[str, ...], _TOPICS] = ()

    def __post_init__(self) -> None:
        """Checks the fields, and that nothing is asked of a topic that is not there."""
        super().__post_init__()
        for name in ("include_response", "queues"):
            for topic in getattr(self, name):
                if not getattr(self, topic):
                    raise SettingsError(
                        f'notifications.{name} names "{topic}" and notifications.{topic} is false: there is no such '
                        f"topic; set {topic} = true or take it out of {name}."
                    )


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(Section):
    """Where the instances stand: in SageMaker's network, or in subnets of the account; isolated or not."""

    table: ClassVar[str] = "network"

    subnet_ids: Annotated[
        tuple[str, ...], ListOf(Text(r"subnet-[0-9a-f]{8,17}", "a subnet's id, as subnet-0123456789abcdef0"), most=16)
    ] = ()
    security_group_ids: Annotated[
        tuple[str, ...], ListOf(Text(r"sg-[0-9a-f]{8,17}", "a security group's id, as sg-0123456789abcdef0"), most=5)
    ] = ()
    isolation: Annotated[bool, YES_OR_NO] = False

    def __post_init__(self) -> None:
        """Checks the fields, and that subnets come with security groups."""
        super().__post_init__()
        if bool(self.subnet_ids) != bool(self.security_group_ids):
            has, lacks = (
                ("subnet_ids", "security_group_ids") if self.subnet_ids else ("security_group_ids", "subnet_ids")
            )
            raise SettingsError(
                f"network.{has} is given and network.{lacks} is empty; instances in a VPC need both: add {lacks}, or "
                f"take {has} out."
            )
