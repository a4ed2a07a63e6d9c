"""A stage's settings: typed, frozen, and validated where they are made.

They stand in `config/STAGE.toml`; nothing else overrides them. The limits are those of the SageMaker, Application
Auto Scaling and CloudWatch Logs APIs, unless a field says otherwise.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from aws_cdk import region_info

from stacks.fields import LOG_RETENTION, YES_OR_NO, OneOf, Section, SettingsError, Tags, Text, WholeNumber, listing
from stacks.instance_types import Device, device_of
from stacks.serving_images import FRAMEWORK_VERSIONS, ServingImage, serving_image
from stacks.workflow_settings import WorkflowSettings

_ONE_GIGABYTE = 1_073_741_824


@dataclass(frozen=True, kw_only=True)
class DataSettings(Section):
    """What becomes of the documents and of the answers."""

    table: ClassVar[str] = "data"

    removal_policy: Annotated[str, OneOf(("destroy", "retain"), "what happens to data when its stack goes")] = "retain"
    access_logs: Annotated[bool, YES_OR_NO] = True
    input_expiration_days: Annotated[int, WholeNumber(1, 3650)] = 365
    output_expiration_days: Annotated[int, WholeNumber(1, 3650)] = 365


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
    instance_type: Annotated[str, Text(r"ml\..+", "the name of an instance type, as ml.g4dn.xlarge")] = "ml.g4dn.xlarge"
    framework_version: Annotated[str, OneOf(FRAMEWORK_VERSIONS)] = "1.11.0"
    device: Annotated[str, OneOf((Device.GPU.value, Device.CPU.value))] = Device.GPU.value
    initial_instance_count: Annotated[
        int, WholeNumber(1, 1000, "an endpoint starts with an instance; scaling takes it to 0")
    ] = 1
    max_concurrent_invocations: Annotated[
        int, WholeNumber(1, 1000, "requests that SageMaker sends to one instance at a time")
    ] = 4
    model_download_timeout_seconds: Annotated[int, WholeNumber(60, 3600)] = 600
    startup_health_check_timeout_seconds: Annotated[int, WholeNumber(60, 3600)] = 600
    request_ttl_seconds: Annotated[int, WholeNumber(60, 21_600, "how long a request may wait in the queue")] = 21_600
    invocation_timeout_seconds: Annotated[int, WholeNumber(1, 3600, "how long one request may be worked on")] = 900
    log_retention_days: Annotated[int, LOG_RETENTION] = 30

    def __post_init__(self) -> None:
        """Checks the fields, and that image and instance type agree on the processor."""
        super().__post_init__()
        found = device_of(self.instance_type)
        if found != self.device:
            raise SettingsError(
                f'endpoint.device is "{self.device}" but endpoint.instance_type "{self.instance_type}" is a '
                f'{found.upper()} type; set device = "{found}" or choose a {self.device.upper()} type.'
            )


@dataclass(frozen=True, kw_only=True)
class ServingSettings(Section):
    """The model server inside the container."""

    table: ClassVar[str] = "serving"

    workers: Annotated[int, WholeNumber(1, 64, "each holds its own copy of the model")] = 1
    timeout_seconds: Annotated[int, WholeNumber(1, 3600, "it covers one request, and the loading of the model")] = 900
    max_request_bytes: Annotated[int, WholeNumber(1, _ONE_GIGABYTE)] = 104_857_600
    max_response_bytes: Annotated[int, WholeNumber(1, _ONE_GIGABYTE)] = 104_857_600


@dataclass(frozen=True, kw_only=True)
class ScalingSettings(Section):
    """How many instances run, and how fast that changes."""

    table: ClassVar[str] = "scaling"

    min_instances: Annotated[int, WholeNumber(0, 1000)] = 0
    max_instances: Annotated[int, WholeNumber(1, 1000, "at 0 nothing would ever be read")] = 2
    backlog_per_instance: Annotated[int, WholeNumber(1, 100_000, "waiting requests that one instance is to have")] = 5
    scale_out_cooldown_seconds: Annotated[int, WholeNumber(0, 86_400)] = 300
    scale_in_cooldown_seconds: Annotated[int, WholeNumber(0, 86_400)] = 300
    wake_cooldown_seconds: Annotated[int, WholeNumber(0, 86_400)] = 300

    def __post_init__(self) -> None:
        """Checks the fields, and that the range is one."""
        super().__post_init__()
        if self.min_instances > self.max_instances:
            raise SettingsError(
                f"scaling.min_instances is {self.min_instances} and scaling.max_instances {self.max_instances}; "
                "the smaller must not exceed the larger: lower min_instances or raise max_instances."
            )


@dataclass(frozen=True, kw_only=True)
class StageSettings(Section):
    """Everything that one stage chooses. The region is named, so that templates do not depend on who makes them."""

    stage: Annotated[str, Text(r"[a-z][a-z0-9-]{0,30}", "a short lower-case name, as dev")]
    region: Annotated[str, Text(r"[a-z]{2}(-[a-z]+)+-\d", "the name of a region, as ap-northeast-1")] = "ap-northeast-1"
    account: Annotated[str, Text(r"\d{12}", "an account number of 12 digits, in quotes")] | None = None
    termination_protection: Annotated[bool, YES_OR_NO] = True
    tags: Annotated[Mapping[str, str], Tags()] = field(default_factory=dict)
    data: DataSettings = field(default_factory=DataSettings)
    endpoint: EndpointSettings
    serving: ServingSettings = field(default_factory=ServingSettings)
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    workflow: WorkflowSettings = field(default_factory=WorkflowSettings)

    def __post_init__(self) -> None:
        """Checks the fields, that the region has image and layer, and that the first instances are within the range."""
        super().__post_init__()
        _ = self.image
        partition = region_info.RegionInfo.get(self.region).partition
        if partition != "aws":
            raise SettingsError(
                f'region is "{self.region}", of the partition {partition}; the functions\' layer is known for the '
                "partition aws alone: choose a region as ap-northeast-1, us-east-1 or eu-west-1."
            )
        if self.endpoint.initial_instance_count > self.scaling.max_instances:
            raise SettingsError(
                f"endpoint.initial_instance_count is {self.endpoint.initial_instance_count} and scaling.max_instances "
                f"{self.scaling.max_instances}; scaling would end the rest at once: lower the one or raise the other."
            )

    @property
    def image(self) -> ServingImage:
        """The image that the endpoint runs, in the stage's region."""
        return serving_image(
            region=self.region,
            framework_version=self.endpoint.framework_version,
            device=Device(self.endpoint.device),
        )

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Self:
        """Makes the settings from a whole file's tables, the stage's name among them."""
        sections: tuple[type[Section], ...] = (
            DataSettings, EndpointSettings, ServingSettings, ScalingSettings, WorkflowSettings,
        )  # fmt: skip
        made = dict(table)
        for section in sections:
            rows = table.get(section.table, {})
            if not isinstance(rows, Mapping):
                raise SettingsError(f"{section.table} is {rows}; it must be a table: [{section.table}].")
            made[section.table] = section.read(rows)
        return super().read(made)


def load_settings(folder: Path, stage: str) -> StageSettings:
    """Reads `STAGE.toml` from a folder.

    Raises:
        SettingsError: For an unknown stage, a file that is not TOML, or a setting that cannot be used. The message
            names the file.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if stage not in files:
        raise SettingsError(
            f'stage is "{stage}", and {folder.name}/ has no {stage}.toml; choose one that exists with -c stage=NAME: '
            f"{listing(files) or 'none yet'}."
        )
    place = f"{folder.name}/{stage}.toml"
    try:
        table = tomllib.loads(files[stage].read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{place} is not TOML: {error}.") from error
    if "stage" in table:
        raise SettingsError(f"{place}: stage is no setting of the file; the file's name is the stage's: take it out.")
    try:
        return StageSettings.read({**table, "stage": stage})
    except SettingsError as error:
        raise SettingsError(f"{place}: {error}") from error
