"""Each layer version must be available, in the stage's region."""

from __future__ import annotations

from async_endpoint.operations.preflight.check import Status
from async_endpoint.operations.preflight.layer import judge_layers
from tests.operations.preflight.fakes import REGION

LAYER = f"arn:aws:lambda:{REGION}:017000801446:layer:Tools:36"
OK, ERROR = Status.OK, Status.ERROR


def test_a_layer_must_exist_in_the_region() -> None:
    there = judge_layers([LAYER], [], REGION)
    assert (there.status, there.message) == (OK, "Tools:36 is available.")
    assert judge_layers([LAYER, LAYER], [], REGION).message == "Tools:36, Tools:36 are available."
    assert judge_layers([LAYER], [LAYER], REGION).status is ERROR
    assert judge_layers([LAYER], [], "us-east-1").status is ERROR
