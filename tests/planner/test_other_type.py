"""Which types can stand in for which; what a synth makes of another type is in test_stage_settings.py."""

import pytest

from async_endpoint.planner import PlanError, stage_from, vary
from tests.planner.stages import endpoint


def of(instance_type: str) -> dict[str, object]:
    resources = endpoint()
    resources["Config"]["Properties"]["ProductionVariants"][0]["InstanceType"] = instance_type
    return {"Resources": resources}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ml.g4dn.xlarge", "ml.g5.4xlarge"),
        ("ml.m5.2xlarge", "ml.c6i.2xlarge"),
        ("ml.g4dn.12xlarge", "ml.g4dn.12xlarge"),
    ],
)
def test_a_type_with_as_many_workers_is_written(before: str, after: str) -> None:
    assert vary(stage_from([of(before)]), {"endpoint.instance_type": after}) == stage_from([of(after)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ml.g4dn.xlarge", "ml.g4dn.12xlarge"),  # four GPUs
        ("ml.m5.xlarge", "ml.m5.2xlarge"),  # twice the cores
        ("ml.g4dn.xlarge", "ml.m5.xlarge"),
        ("ml.m5.xlarge", "ml.m5.large"),
        ("ml.g4dn.xlarge", "g5.xlarge"),
        ("ml.g4dn.xlarge", "ml.g5g.xlarge"),  # Graviton
        ("ml.g4dn.xlarge", "ml.p6-b200.xlarge"),
        ("ml.m5.xlarge", "ml.m6g.xlarge"),  # Graviton
        ("ml.m5.xlarge", "ml.c7gd.xlarge"),
        ("ml.m5.xlarge", "ml.inf1.xlarge"),  # Neuron
    ],
)
def test_any_other_type_has_to_be_synthesised(before: str, after: str) -> None:
    with pytest.raises(PlanError, match=r"Synthesise the stage with that type into a folder of its own"):
        vary(stage_from([of(before)]), {"endpoint.instance_type": after})


def test_fallback_types_are_not_varied() -> None:
    template = of("ml.g4dn.xlarge")
    variant = template["Resources"]["Config"]["Properties"]["ProductionVariants"][0]  # type: ignore[index]
    variant["InstancePools"] = [{"InstanceType": variant.pop("InstanceType")}]
    with pytest.raises(PlanError, match="cannot be varied with fallback types"):
        vary(stage_from([template]), {"endpoint.instance_type": "ml.g5.xlarge"})
