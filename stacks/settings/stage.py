"""A stage's settings: typed, frozen, and validated where they are made.

They stand in `config/STAGE.toml`; nothing else overrides them. Each table of the file is a section of
`stacks/sections/`; here is what concerns the stage as a whole, and what must hold between sections. The limits are
those of the SageMaker, Application Auto Scaling, CloudWatch and CloudWatch Logs APIs, unless a field says otherwise.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from aws_cdk import region_info

from stacks.instance_types import Device
from stacks.serving_images import ServingImage, own_image, serving_image
from stacks.serving_limits import DECIDED_BY, ServingLimits
from stacks.settings.alarms import AlarmSettings
from stacks.settings.base import Section
from stacks.settings.data import DataSettings
from stacks.settings.endpoint import (
    ERROR,
    NONE,
    SUCCESS,
    EndpointSettings,
    NetworkSettings,
    NotificationSettings,
    OutputSettings,
)
from stacks.settings.fields import YES_OR_NO, OneOf, SettingsError, Tags, Text, listing
from stacks.settings.model import INCLUDED, ModelSettings, ServingSettings
from stacks.settings.scaling import ScalingSettings
from stacks.settings.updates import UpdateSettings
from stacks.settings.workflow import WorkflowSettings

AWS_MANAGED = "aws-managed"
CUSTOMER_MANAGED = "customer-managed"
_STEPS_NEED = 2
# Two looks of the watchdog, which are five minutes apart: a request is over, and its outcome is recorded, before that.
_IDLE_MARGIN_SECONDS = 600

SECTIONS: tuple[type[Section], ...] = (
    DataSettings, ModelSettings, EndpointSettings, ServingSettings, OutputSettings, NotificationSettings,
    NetworkSettings, ScalingSettings, UpdateSettings, AlarmSettings, WorkflowSettings,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StageSettings(Section):
    """Everything that one stage chooses. The region is named, so that templates do not depend on who makes them."""

    stage: Annotated[str, Text(r"[a-z][a-z0-9-]{0,30}", "a short lower-case name, as dev")]
    region: Annotated[str, Text(r"[a-z]{2}(-[a-z]+)+-\d", "the name of a region, as ap-northeast-1")] = "ap-northeast-1"
    account: Annotated[str, Text(r"\d{12}", "an account number of 12 digits, in quotes")] | None = None
    termination_protection: Annotated[bool, YES_OR_NO] = True
    tags: Annotated[Mapping[str, str], Tags()] = field(default_factory=dict)
    nist_800_53: Annotated[bool, YES_OR_NO] = False
    encryption: Annotated[str, OneOf((AWS_MANAGED, CUSTOMER_MANAGED), "whose keys encrypt what is kept")] = AWS_MANAGED
    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    endpoint: EndpointSettings
    serving: ServingSettings = field(default_factory=ServingSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    updates: UpdateSettings = field(default_factory=UpdateSettings)
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    workflow: WorkflowSettings = field(default_factory=WorkflowSettings)

    def __post_init__(self) -> None:
        """Checks the fields, that the region has image and layer, and what must hold between sections."""
        super().__post_init__()
        _ = self.image
        _ = self.limits
        partition = region_info.RegionInfo.get(self.region).partition
        if partition != "aws":
            raise SettingsError(
                f'region is "{self.region}", of the partition {partition}; the functions\' layer is known for the '
                "partition aws alone: choose a region as ap-northeast-1, us-east-1 or eu-west-1."
            )
        self._check_variables()
        self._check_instances()
        self._check_outcomes()
        self._check_idle_minutes()
        if self.network.isolation and self.model.dependencies != INCLUDED:
            raise SettingsError(
                f'network.isolation is true and model.dependencies "{self.model.dependencies}"; an isolated container '
                f'reaches no package index when it starts: set dependencies = "{INCLUDED}" with an archive or image '
                "that has them, or isolation = false."
            )

    def _check_variables(self) -> None:
        for name in self.model.environment:
            if name in DECIDED_BY:
                raise SettingsError(
                    f"model.environment names {name}, which {DECIDED_BY[name]} decides, together with the limits that "
                    "must agree with it: take it out and set that."
                )

    def _check_instances(self) -> None:
        initial, scaling = self.endpoint.initial_instance_count, self.scaling
        if scaling.enabled and initial > scaling.max_instances:
            raise SettingsError(
                f"endpoint.initial_instance_count is {initial} and scaling.max_instances "
                f"{scaling.max_instances}; scaling would end the rest at once: lower the one or raise the other."
            )
        least = min(initial, scaling.min_instances) if scaling.enabled else initial
        if self.updates.in_steps and least < _STEPS_NEED:
            raise SettingsError(
                f'updates.strategy is "{self.updates.strategy}", with endpoint.initial_instance_count {initial} and '
                f"scaling.min_instances {scaling.min_instances}; a step is at most half of the instances, so both "
                f'must be at least {_STEPS_NEED}: raise them, or take strategy = "all-at-once".'
            )

    def _check_outcomes(self) -> None:
        output, told = self.output, self.notifications
        if output.path == NONE and SUCCESS not in told.include_response:
            raise SettingsError(
                f'output.path is "{NONE}" and notifications.include_response does not name "{SUCCESS}"; answers would '
                "reach nobody: give a path, or include the response in the notification."
            )
        if output.failure_path == NONE and not told.error:
            raise SettingsError(
                f'output.failure_path is "{NONE}" and notifications.error is false; failures would leave no trace: '
                "give a path, or set error = true."
            )
        for topic in (SUCCESS, ERROR):
            if self.workflow.enabled and not getattr(told, topic):
                raise SettingsError(
                    f"notifications.{topic} is false and workflow.enabled true; the record of a job's end is made from "
                    f"the notification: set {topic} = true, or workflow.enabled = false."
                )

    def _check_idle_minutes(self) -> None:
        longest = self.limits.invocation_timeout_seconds + _IDLE_MARGIN_SECONDS
        if 60 * self.alarms.idle_minutes <= longest:
            raise SettingsError(
                f"alarms.idle_minutes is {self.alarms.idle_minutes}, and [serving] lets a single request take "
                f"{self.limits.invocation_timeout_seconds} seconds, of which nothing shows before its end: set "
                f"idle_minutes to {longest // 60 + 1} or more, or lower serving.timeout_seconds."
            )

    @property
    def kept_warm(self) -> int:
        """The most instances that are ever meant to run without work."""
        return self.scaling.highest_floor if self.scaling.enabled else self.endpoint.initial_instance_count

    @property
    def limits(self) -> ServingLimits:
        """How much an instance takes at a time, and for how long."""
        return ServingLimits(self.serving)

    @property
    def image(self) -> ServingImage:
        """The image that the endpoint runs, in the stage's region."""
        if self.endpoint.image_uri is not None:
            return own_image(self.endpoint.image_uri, region=self.region)
        return serving_image(
            region=self.region,
            framework_version=self.endpoint.framework_version,
            device=Device(self.endpoint.device),
        )

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Self:
        """Makes the settings from a whole file's tables, the stage's name among them."""
        made = dict(table)
        for section in SECTIONS:
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
