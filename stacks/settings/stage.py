"""A stage's settings: typed, frozen, and validated when they are read.

They are in `config/STAGE.toml`; nothing else overrides them. Each table of the file is a section with a module of its
own; here is what concerns the stage as a whole, and what must hold between sections. The limits are those of the
SageMaker, Application Auto Scaling, CloudWatch and CloudWatch Logs APIs, unless a field says otherwise.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from aws_cdk import region_info
from pydantic import AfterValidator, Field, model_validator

from async_endpoint.protocol.serving_images import IMAGES, ModelServer
from stacks.instance_types import Device, workers_of
from stacks.serving_images import StageImage, known_image, own_image
from stacks.serving_limits import ServingLimits
from stacks.serving_variables import DECIDED_BY, HUB_MODEL
from stacks.settings.alarms import AlarmSettings
from stacks.settings.base import Section
from stacks.settings.data import DataSettings
from stacks.settings.endpoint import EndpointSettings
from stacks.settings.fields import Region, SettingsError, advice, allowed, listing, matching
from stacks.settings.model import INCLUDED, ModelSettings
from stacks.settings.network import NetworkSettings
from stacks.settings.notifications import ERROR, SUCCESS, NotificationSettings
from stacks.settings.output import NONE, OutputSettings
from stacks.settings.plan import PlanSettings
from stacks.settings.scaling import ScalingSettings
from stacks.settings.serving import ServingSettings
from stacks.settings.updates import UpdateSettings
from stacks.settings.workflow import WorkflowSettings

AWS_MANAGED: Final = "aws-managed"
CUSTOMER_MANAGED: Final = "customer-managed"
_STEPS_NEED = 2
# The watchdog looks every five minutes, and a request must be over and recorded before its second look.
_IDLE_MARGIN_SECONDS = 600


def _check_tag_key(key: str) -> str:
    if key.lower().startswith("aws:"):
        raise ValueError("The prefix aws: is reserved.")
    return key


StageName = Annotated[str, matching(r"[a-z][a-z0-9-]{0,30}", "a short lower-case name, such as dev")]
Account = Annotated[str, matching(r"[0-9]{12}", "an account number of 12 digits, in quotes")]
TagKey = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_check_tag_key)]
TagValue = Annotated[str, Field(max_length=256)]


class StageSettings(Section):
    """Everything that one stage chooses."""

    stage: StageName = Field(description="The stage's name, which is the file's.")
    region: Region = Field(
        "ap-northeast-1",
        description="Where everything is deployed: [a region with AWS's images](images.md#regions), outside China. It "
        "is part of the settings so that templates do not depend on who synthesises them.",
    )
    account: Account | None = Field(
        None, description="The account to deploy to. Without it, the account of your credentials."
    )
    termination_protection: bool = Field(True, description="Whether CloudFormation protects the stacks from deletion.")
    encryption: Literal["aws-managed", "customer-managed"] = Field(
        AWS_MANAGED,
        json_schema_extra=advice("whose keys encrypt the data"),
        description='`"customer-managed"`: a KMS key of the stage encrypts documents, results, topics, queues, jobs, '
        "logs and the functions' environment, and the roles may use it. The key costs about 1 USD a month; its calls "
        "cost little, because buckets ask for a data key once for many objects.",
    )
    nist_800_53: bool = Field(
        False,
        description="Whether the synth also fails on findings of cdk-nag's NIST 800-53 R5 rules, besides those of AWS "
        "Solutions.",
    )
    tags: Mapping[TagKey, TagValue] = Field(
        {},
        json_schema_extra=allowed(
            "a table of texts: keys of 1 to 128 characters not beginning with aws:, values of up to 256"
        ),
        description="Tags of all stacks and their resources.",
    )
    data: DataSettings = Field(default_factory=DataSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    endpoint: EndpointSettings
    serving: ServingSettings = Field(default_factory=ServingSettings)
    output: OutputSettings = Field(default_factory=OutputSettings)
    notifications: NotificationSettings = Field(default_factory=NotificationSettings)
    network: NetworkSettings = Field(default_factory=NetworkSettings)
    scaling: ScalingSettings = Field(default_factory=ScalingSettings)
    updates: UpdateSettings = Field(default_factory=UpdateSettings)
    alarms: AlarmSettings = Field(default_factory=AlarmSettings)
    workflow: WorkflowSettings = Field(default_factory=WorkflowSettings)
    plan: PlanSettings = Field(default_factory=PlanSettings)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Makes the settings from all tables of a file and the stage's name."""
        # Without [endpoint], the message is about the setting that is missing in it.
        return super().from_table({"endpoint": {}, **table})

    @model_validator(mode="after")
    def _check_region(self) -> Self:
        """Checks that the region has the image and the functions' layer."""
        partition = region_info.RegionInfo.get(self.region).partition
        if partition not in {None, "aws"}:
            raise SettingsError(
                f'region is "{self.region}", of the partition {partition}; the functions\' layer is known for the '
                "partition aws alone: choose a region such as ap-northeast-1, us-east-1 or eu-west-1."
            )
        _ = self.image
        return self

    @model_validator(mode="after")
    def _check_container(self) -> Self:
        """Checks that the container's variables agree with its limits, and that it reaches what it installs."""
        _ = self.limits
        for name in self.model.environment:
            if name in DECIDED_BY:
                raise SettingsError(
                    f"model.environment names {name}, which {DECIDED_BY[name]} decides, together with the limits that "
                    "must agree with it: take it out and set that."
                )
        server = self.image.base.server
        if server == ModelServer.MULTI_MODEL_SERVER and HUB_MODEL in self.model.environment:
            raise SettingsError(
                f"model.environment names {HUB_MODEL}, with which the image's toolkit loads a model from the Hugging "
                "Face Hub in place of the archive: take it out; model.source says where the model is."
            )
        if self.network.isolation and self.model.dependencies != INCLUDED:
            raise SettingsError(
                f'network.isolation is true and model.dependencies "{self.model.dependencies}"; an isolated container '
                f'reaches no package index when it starts: set dependencies = "{INCLUDED}" with an archive or image '
                "that has them, or isolation = false."
            )
        return self

    @model_validator(mode="after")
    def _check_instances(self) -> Self:
        """Checks that the first instances fit into the range of scaling, and are enough for steps."""
        initial, scaling = self.endpoint.initial_instance_count, self.scaling
        if scaling.enabled and initial > scaling.max_instances:
            raise SettingsError(
                f"endpoint.initial_instance_count is {initial} and scaling.max_instances "
                f"{scaling.max_instances}; scaling would stop the rest at once: lower the one or raise the other."
            )
        least = min(initial, scaling.min_instances) if scaling.enabled else initial
        if self.updates.in_steps and least < _STEPS_NEED:
            raise SettingsError(
                f'updates.strategy is "{self.updates.strategy}", with endpoint.initial_instance_count {initial} and '
                f"scaling.min_instances {scaling.min_instances}; a step is at most half of the instances, so both "
                f'must be at least {_STEPS_NEED}: raise them, or take strategy = "all-at-once".'
            )
        return self

    @model_validator(mode="after")
    def _check_outcomes(self) -> Self:
        """Checks that results and failures reach someone, and that the workflow has the topics it needs."""
        output, topics = self.output, self.notifications
        if output.path == NONE and SUCCESS not in topics.include_response:
            raise SettingsError(
                f'output.path is "{NONE}" and notifications.include_response does not name "{SUCCESS}"; results would '
                "reach nobody: give a path, or include the response in the notification."
            )
        if output.failure_path == NONE and not topics.error:
            raise SettingsError(
                f'output.failure_path is "{NONE}" and notifications.error is false; failures would leave no trace: '
                "give a path, or set error = true."
            )
        if topics.webhook_url and not self.workflow.enabled:
            raise SettingsError(
                "notifications.webhook_url is set and workflow.enabled false; the workflow records the outcomes that a "
                "webhook gets: set enabled = true, or take webhook_url out."
            )
        if topics.tag_documents and not self.workflow.enabled:
            raise SettingsError(
                "notifications.tag_documents is true and workflow.enabled false; the workflow knows the states of "
                "documents: set enabled = true, or tag_documents = false."
            )
        for topic in (SUCCESS, ERROR):
            if self.workflow.enabled and not getattr(topics, topic):
                raise SettingsError(
                    f"notifications.{topic} is false and workflow.enabled true; the outcome of a job is recorded from "
                    f"the notification: set {topic} = true, or workflow.enabled = false."
                )
        return self

    @model_validator(mode="after")
    def _check_idle_minutes(self) -> Self:
        """Checks that an instance does not count as idle while it processes its longest request."""
        longest = self.limits.invocation_timeout_seconds + _IDLE_MARGIN_SECONDS
        if 60 * self.alarms.idle_minutes <= longest:
            raise SettingsError(
                f"alarms.idle_minutes is {self.alarms.idle_minutes}, and [serving] lets a single request take "
                f"{self.limits.invocation_timeout_seconds} seconds, of which nothing shows before its end: set "
                f"idle_minutes to {longest // 60 + 1} or more, or lower serving.timeout_seconds."
            )
        return self

    @property
    def kept_warm(self) -> int:
        """The most instances that are ever meant to run without work."""
        return self.scaling.highest_floor if self.scaling.enabled else self.endpoint.initial_instance_count

    @property
    def limits(self) -> ServingLimits:
        """How much an instance processes at a time, and for how long."""
        workers = min(map(workers_of, self.endpoint.instance_types))
        gpus = workers if self.endpoint.device == Device.GPU else 1
        return ServingLimits(self.serving, workers, self.image.base.server, gpus)

    @property
    def image(self) -> StageImage:
        """The image that the endpoint runs, in the stage's region."""
        endpoint = self.endpoint
        if endpoint.image in IMAGES:
            return known_image(endpoint.image, region=self.region, device=endpoint.device)
        return own_image(endpoint.image, base=endpoint.image_base, region=self.region)


def load_settings(folder: Path, stage: str, *, image: str | None = None) -> StageSettings:
    """Reads `STAGE.toml` from a folder.

    Args:
        folder: The folder with the files of the stages.
        stage: The stage.
        image: Replaces `endpoint.image`, and the `image_base` of an image of one's own.

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
        raise SettingsError(
            f"{place}: stage is not a setting of the file; the file's name is the stage's: take it out."
        )
    if image is not None:
        endpoint = {name: value for name, value in table.get("endpoint", {}).items() if name != "image_base"}
        table["endpoint"] = {**endpoint, "image": image}
    try:
        return StageSettings.from_table({**table, "stage": stage})
    except SettingsError as error:
        raise SettingsError(f"{place}: {error}") from error
