"""Preflight on what the CDK CLI deploys: the stage as it stands, with nothing in its way."""

from pathlib import Path

import boto3
import pytest

from async_endpoint.operations.preflight import Assembly, Status, run
from tests.end_to_end.conftest import Stage

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]


def test_of_a_deployed_stage_every_check_is_ok_and_its_own_names_are_not_in_its_way(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assembly = Assembly.from_folder(Path(stage.cdk.app))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, assembly.region or "")
    found = {check.name: check for check in run(assembly, boto3.Session())}
    assert {name: check.message for name, check in found.items() if check.status is not Status.OK} == {}
    assert stage.deployment.endpoint in found["endpoint"].message
    assert "is 100; the stage needs up to 2, and 4 during an update" in found["quota"].message
    assert "1.11.0-gpu" in found["image"].message
