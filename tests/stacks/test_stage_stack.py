from collections.abc import Callable

import pytest
from aws_cdk.cx_api import CloudAssembly

from async_endpoint.operations.jobs.workflow import workflow_stack_name


@pytest.mark.parametrize(("stage", "protected"), [("dev", False), ("prod", True)])
def test_stacks_carry_their_stage(assembly_of: Callable[[str], CloudAssembly], stage: str, *, protected: bool) -> None:
    stacks = assembly_of(stage).stacks
    assert [each.stack_name for each in stacks] == [
        f"async-endpoint-{stage}-foundation",
        f"async-endpoint-{stage}-endpoint",
        f"async-endpoint-{stage}-workflow",
    ]
    assert workflow_stack_name(stage) == stacks[-1].stack_name
    for stack in stacks:
        assert stack.tags == {"application": "async-endpoint", "stage": stage}
        assert bool(stack.termination_protection) is protected
        assert stack.environment.region == "ap-northeast-1"
