"""What the planner learns of a stage from its synthesised templates."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.references import Template
from async_endpoint.planner.stage_functions import Wake, Watchdog, wake_of, watchdog_of
from async_endpoint.planner.stage_functions import request_ttl as ttl_of

SUFFIX = ".template.json"
# RequestTTLSeconds of a request that names none: the API reference of InvokeEndpointAsync.
DEFAULT_TTL_SECONDS = 21_600


@dataclass(frozen=True)
class ScalingAlarm:
    """An alarm that triggers scaling policies: members of PutMetricAlarm, and the policies by their logical ids."""

    members: Mapping[str, Any]
    policies: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How a stage's variant is scaled.

    Attributes:
        minimum: MinCapacity.
        maximum: MaxCapacity.
        policies: Members of PutScalingPolicy by logical id, without those that name the target.
        alarms: The alarms of step policies; target tracking makes its own.
        schedules: ScheduledActions of the scalable target.
    """

    minimum: int
    maximum: int
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    alarms: tuple[ScalingAlarm, ...] = ()
    schedules: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage's asynchronous endpoint.

    Attributes:
        endpoint_name: EndpointName.
        variant_name: Name of its one variant.
        instance_type: InstanceType.
        initial_instances: InitialInstanceCount.
        concurrency: MaxConcurrentInvocationsPerInstance; None if SageMaker chooses, by a rule that is not published.
        region: The region that the cloud assembly names; None if it names none.
        scaling: None for a fixed number of instances.
        wake: None if no function wakes the endpoint.
        watchdog: None if no function stops idle instances.
        admission: Whether documents wait in the jobs table while the endpoint has enough of them.
        request_ttl_seconds: Age in the queue at which a request expires.
        has_topics: Whether SageMaker notifies of outcomes.
        has_workflow: Whether functions submit documents and record outcomes.
        template: All resources, for the bill.
    """

    endpoint_name: str
    variant_name: str
    instance_type: str
    initial_instances: int
    concurrency: int | None
    region: str | None = None
    scaling: Scaling | None = None
    wake: Wake | None = None
    watchdog: Watchdog | None = None
    admission: bool = False
    request_ttl_seconds: int = DEFAULT_TTL_SECONDS
    has_topics: bool = False
    has_workflow: bool = False
    template: Template = field(default_factory=lambda: Template([]), repr=False, compare=False)


def read_stage(path: Path) -> Stage:
    """Reads a stage from a folder of `cdk synth --output`, or from one template file.

    Raises:
        PlanError: It is not there, is no template, or has no asynchronous endpoint.
    """
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise PlanError(f"{path} has no file *{SUFFIX}: name a folder that `cdk synth --output` wrote.")
    folder = path if path.is_dir() else path.parent
    try:
        return stage_from([_json(each) for each in files], region=_region(folder))
    except PlanError as error:
        raise PlanError(f"{path}: {error}") from error


def stage_from(templates: Iterable[Mapping[str, Any]], region: str | None = None) -> Stage:
    """Returns the stage of templates.

    Args:
        templates: The templates of all its stacks.
        region: Where it is deployed.

    Raises:
        PlanError: There is no asynchronous endpoint, or several, or a value is missing or cannot be planned with.
    """
    return stage_of(Template(templates), region)


def stage_of(template: Template, region: str | None) -> Stage:
    """Returns the stage of a template; see `stage_from`."""
    try:
        return _stage(template, region)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise PlanError(
            f"a resource of the endpoint lacks {error}, or has it in another form: synthesise the template again."
        ) from error


def _stage(template: Template, region: str | None) -> Stage:
    configs = [(name, each) for name, each in template.of_type("AWS::SageMaker::EndpointConfig")]
    configs = [(name, each) for name, each in configs if "AsyncInferenceConfig" in each]
    if not configs:
        raise PlanError(
            "no asynchronous endpoint is in it: name the template with an AWS::SageMaker::EndpointConfig that has an "
            "AsyncInferenceConfig."
        )
    if len(configs) > 1:
        raise PlanError(f"{len(configs)} asynchronous endpoints are in it: plan one stage at a time.")
    logical_id, config = configs[0]
    names = (config.get("EndpointConfigName"), logical_id)
    found = [each for _, each in template.of_type("AWS::SageMaker::Endpoint")]
    endpoints = [each for each in found if each["EndpointConfigName"] in names]
    endpoint_name = str(endpoints[0].get("EndpointName", logical_id)) if endpoints else logical_id
    variant = config["ProductionVariants"][0]
    concurrency = config["AsyncInferenceConfig"].get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance")
    functions = [each for _, each in template.of_type("AWS::Lambda::Function")]
    return Stage(
        endpoint_name=endpoint_name,
        variant_name=variant["VariantName"],
        instance_type=_instance_type(variant),
        initial_instances=_whole(variant.get("InitialInstanceCount", 1), "InitialInstanceCount"),
        concurrency=None if concurrency is None else _whole(concurrency, "MaxConcurrentInvocationsPerInstance"),
        region=region,
        scaling=_scaling(template),
        wake=wake_of(functions),
        watchdog=watchdog_of(functions),
        admission=any(_variables(each).get("ADMISSION") == "true" for each in functions),
        request_ttl_seconds=ttl_of(functions) or DEFAULT_TTL_SECONDS,
        has_topics=bool(config["AsyncInferenceConfig"]["OutputConfig"].get("NotificationConfig")),
        has_workflow=any("JOBS_TABLE" in _variables(each) for each in functions),
        template=template,
    )


def _instance_type(variant: Mapping[str, Any]) -> str:
    if "InstanceType" in variant:
        return str(variant["InstanceType"])
    # The first pool is the preferred one; the others are there for when it has no instance.
    return str(variant["InstancePools"][0]["InstanceType"])


def _variables(function: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = function.get("Environment", {}).get("Variables", {})
    return found


def _scaling(template: Template) -> Scaling | None:
    targets = [each for _, each in template.of_type("AWS::ApplicationAutoScaling::ScalableTarget")]
    if not targets:
        return None
    if len(targets) > 1:
        raise PlanError(f"{len(targets)} scalable targets are in it: plan one stage at a time.")
    policies = {
        logical_id: {name: value for name, value in each.items() if name not in _OF_TARGET}
        for logical_id, each in template.of_type("AWS::ApplicationAutoScaling::ScalingPolicy")
    }
    return Scaling(
        minimum=_whole(targets[0]["MinCapacity"], "MinCapacity"),
        maximum=_whole(targets[0]["MaxCapacity"], "MaxCapacity"),
        policies=policies,
        alarms=tuple(_scaling_alarms(template, policies)),
        schedules=tuple(targets[0].get("ScheduledActions", ())),
    )


_OF_TARGET = ("ScalingTargetId", "ResourceId", "ScalableDimension", "ServiceNamespace")


def _scaling_alarms(template: Template, policies: Mapping[str, Any]) -> Iterable[ScalingAlarm]:
    for logical_id, each in template.of_type("AWS::CloudWatch::Alarm"):
        for actions in ("OKActions", "InsufficientDataActions"):
            if any(action in policies for action in each.get(actions, ())):
                raise PlanError(f"alarm {logical_id} names a scaling policy in {actions}, which is not simulated.")
        named = tuple(action for action in each.get("AlarmActions", ()) if action in policies)
        if named:
            members = {name: value for name, value in each.items() if not name.endswith("Actions")}
            yield ScalingAlarm({"AlarmName": logical_id} | members, named)


def _whole(value: Any, name: str) -> int:
    """Returns a whole number, which a template may have as text."""
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0:
        raise PlanError(f"{name} is {value!r}, and a plan needs a whole number that is not negative.")
    return number


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise PlanError(f"{path} is not JSON: {error}; name a template that `cdk synth` wrote.") from error
    if not isinstance(found, dict):
        raise PlanError(f"{path} is no CloudFormation template: it has no Resources.")
    return found


def _region(folder: Path) -> str | None:
    """Returns the region that the manifest of a cloud assembly names; None if it names none, or is not there."""
    try:
        artifacts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"].values()
        places = {each["environment"].rpartition("/")[2] for each in artifacts if "environment" in each}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    places.discard("unknown-region")
    return places.pop() if len(places) == 1 else None
