"""Another instance type in a stage's template, as a synth with that type would write it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from async_endpoint.planner.errors import PlanError

if TYPE_CHECKING:
    from async_endpoint.planner.references import Template

INSTANCE_TYPE = "endpoint.instance_type"
_TYPE = re.compile(r"ml\.(?P<letters>[a-z]+)(?P<family>[0-9][a-z0-9-]*)\.(?P<times>\d*)xlarge")
# Families whose smaller sizes have one GPU, and x86 processors: https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html
_GPU_FAMILIES = ("g4dn", "g5", "g6", "g6e")
_ONE_GPU = (1, 2, 4)
# Without a GPU: general purpose, compute and memory, but not Graviton, for which the images are not built.
_CPU_LETTERS = ("c", "m", "r", "t")
_GRAVITON = re.compile(r"[0-9]+g")
_CPU_LIMIT = re.compile(r"\(cpu >= (\d+)\)")


def write_instance_type(template: Template, instance_type: str) -> None:
    """Changes the instance type of the endpoint in a template.

    With the number of GPUs, or of cores without one, the workers change, and with them limits in many places. So only
    a type with as many is written; the CPU limit of the sleep alarm counts 100 for each virtual CPU.

    Raises:
        PlanError: The type has another number, or the template has several types.
    """
    config = next(each for _, each in template.properties("AWS::SageMaker::EndpointConfig"))
    variant = config["ProductionVariants"][0]
    present = variant.get("InstanceType")
    if present is None:
        raise PlanError(f"{INSTANCE_TYPE} cannot be varied with fallback types in the template.")
    if instance_type == present:
        return
    before, after = _TYPE.fullmatch(present), _TYPE.fullmatch(instance_type)
    if before is None or after is None or not _are_alike(before, after):
        raise PlanError(
            f"{INSTANCE_TYPE} cannot be varied from {present} to {instance_type}: only between types with one GPU "
            f"({', '.join(_GPU_FAMILIES)}; xlarge, 2xlarge, 4xlarge), or with the same number of virtual CPUs and none "
            "(not Graviton). Synthesise the stage with that type into a folder of its own and name both folders."
        )
    variant["InstanceType"] = instance_type
    ratio = _times(after) / _times(before)
    for _, alarm in template.properties("AWS::CloudWatch::Alarm"):
        for query in alarm.get("Metrics", ()):
            if "Expression" in query:
                query["Expression"] = _CPU_LIMIT.sub(
                    lambda match: f"(cpu >= {int(match[1]) * ratio:.0f})", query["Expression"]
                )


def _are_alike(before: re.Match[str], after: re.Match[str]) -> bool:
    both = (before, after)
    if all(each["letters"] + each["family"] in _GPU_FAMILIES for each in both):
        return _times(before) in _ONE_GPU and _times(after) in _ONE_GPU
    without_gpu = all(each["letters"] in _CPU_LETTERS and not _GRAVITON.match(each["family"]) for each in both)
    return without_gpu and _times(before) == _times(after)


def _times(match: re.Match[str]) -> int:
    """Returns how many times the four virtual CPUs of an xlarge a type has."""
    return int(match["times"] or 1)
