"""The sample needs the output that names the input bucket; the deploy tests end to end process one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from async_endpoint.operations.deploy.sample import process_sample
from async_endpoint.operations.stack_outputs import StackError


def test_a_stack_without_an_input_bucket_is_an_error() -> None:
    stacks = {"Stacks": [{"Outputs": [{"OutputKey": "EndpointName", "OutputValue": "donut"}]}]}
    session: Any = SimpleNamespace(client=lambda _: SimpleNamespace(describe_stacks=lambda **_: stacks))
    with pytest.raises(StackError, match="Stack receipts has no output InputBucketName: the sample cannot be uploaded"):
        process_sample(session, stack="receipts", endpoint="donut", sample=Path("a.png"), timeout=1)
