"""The AWS CLI and the SageMaker SDK, unchanged but for the endpoint URL, on an endpoint that CDK deployed."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from demo.deployment import ROOT
from tests.end_to_end.conftest import PATIENCE_SECONDS, Stage, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

CLIENTS = ROOT / ".venv-clients" / "bin"
ROLE = "arn:aws:iam::000000000000:role/execution-role"
IMAGE = "763104351884.dkr.ecr.ap-northeast-1.amazonaws.com/pytorch-inference:1.11.0-cpu-py38-ubuntu20.04-sagemaker"


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    if not CLIENTS.is_dir():
        pytest.skip("the AWS CLI and the SageMaker SDK are not installed, so nothing was run: make .venv-clients/.done")


def run(stage: Stage, *command: str, fails: bool = False) -> str:
    """What a client prints; its whole environment points at the local AWS."""
    environment = stage.local.client_environment(os.environ, os.environ["AWS_REGION"])
    finished = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert bool(finished.returncode) == fails, finished.stderr
    return finished.stderr if fails else finished.stdout


def aws(stage: Stage, *arguments: str, fails: bool = False) -> str:
    return run(stage, str(CLIENTS / "aws"), *arguments, fails=fails).strip()


def test_the_sdks_asynchronous_predictor(
    stage: Stage, receipts: list[tuple[bytes, dict[str, str]]], tmp_path: Path
) -> None:
    (tmp_path / "sdk.yaml").write_text(
        "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n", encoding="utf-8"
    )
    files = []
    for number, (image, _) in enumerate(receipts[:3]):
        files.append(tmp_path / f"{number}.jpg")
        files[-1].write_bytes(image)
    said: dict[str, Any] = json.loads(
        run(
            stage,
            "env",
            f"SAGEMAKER_USER_CONFIG_OVERRIDE={tmp_path / 'sdk.yaml'}",
            "SAGEMAKER_SUPPRESS_V2_WARNING=1",
            str(CLIENTS / "python"),
            str(Path(__file__).parent / "clients" / "async_predictor.py"),
            stage.deployment.endpoint,
            stage.deployment.inputs,
            *map(str, files),
        ).splitlines()[-1]
    )
    expected = [answer for _, answer in receipts[:3]]
    assert [answer["predictions"] for answer in said["answers"]] == [[answer] for answer in expected]
    assert said["direct"]["predictions"] == [expected[0]]
    assert said["refusal"].startswith("refused: ")
    assert "is not a readable image" in said["refusal"]


def test_the_command_line_has_a_document_read(stage: Stage, receipts: list[tuple[bytes, dict[str, str]]]) -> None:
    endpoint = stage.deployment.endpoint
    query = ["--query", "EndpointStatus", "--output", "text"]

    def is_in_service() -> bool | None:
        aws(stage, "sagemaker", "wait", "endpoint-in-service", "--endpoint-name", endpoint)
        return aws(stage, "sagemaker", "describe-endpoint", "--endpoint-name", endpoint, *query) == "InService" or None

    wait_for(is_in_service, "a look between two scaling actions")
    location = stage.put(receipts[0][0], "cli.jpg")
    stage.outcome(stage.invoke(location))  # an instance runs: the command line's own waiter has a hundred seconds
    answer = json.loads(
        aws(
            stage, "sagemaker-runtime", "invoke-endpoint-async", "--endpoint-name", endpoint,
            "--input-location", location, "--content-type", "application/x-image", "--inference-id", "from-the-cli",
            "--request-ttl-seconds", "600", "--output", "json",
        )
    )  # fmt: skip
    assert answer["InferenceId"] == "from-the-cli"
    bucket, _, key = answer["OutputLocation"].removeprefix("s3://").partition("/")
    aws(stage, "s3api", "wait", "object-exists", "--bucket", bucket, "--key", key)
    assert json.loads(aws(stage, "s3", "cp", answer["OutputLocation"], "-"))["predictions"] == [receipts[0][1]]


def test_the_command_line_sees_how_it_scales(stage: Stage) -> None:
    endpoint = stage.deployment.endpoint
    targets = ["application-autoscaling", "describe-scalable-targets", "--service-namespace", "sagemaker"]
    target = json.loads(aws(stage, *targets, "--output", "json"))["ScalableTargets"][0]
    assert (target["ResourceId"], target["MinCapacity"]) == (f"endpoint/{endpoint}/variant/AllTraffic", 0)
    table = aws(stage, "cloudwatch", "describe-alarms", "--query", "MetricAlarms[].AlarmName", "--output", "table")
    assert "TargetTracking" in table


def test_the_command_line_makes_and_deletes_an_endpoint(stage: Stage) -> None:
    container = f"Image={IMAGE},ModelDataUrl=s3://{stage.deployment.inputs}/none.tar.gz"
    aws(
        stage, "sagemaker", "create-model", "--model-name", "cli", "--execution-role-arn", ROLE,
        "--primary-container", container, "--tags", "Key=team,Value=papers",
    )  # fmt: skip
    variant = "VariantName=AllTraffic,ModelName=cli,InstanceType=ml.m5.xlarge,InitialInstanceCount=1"
    output = json.dumps({"OutputConfig": {"S3OutputPath": f"s3://{stage.deployment.inputs}/cli"}})
    aws(
        stage, "sagemaker", "create-endpoint-config", "--endpoint-config-name", "cli",
        "--production-variants", variant, "--async-inference-config", output,
    )  # fmt: skip
    aws(stage, "sagemaker", "create-endpoint", "--endpoint-name", "cli", "--endpoint-config-name", "cli")
    refused = aws(
        stage, "sagemaker", "create-endpoint", "--endpoint-name", "cli", "--endpoint-config-name", "cli", fails=True
    )
    assert "Cannot create already existing endpoint" in refused
    waited = aws(stage, "sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "cli", fails=True)
    assert "terminal failure state" in waited
    names = ["--query", "Endpoints[?EndpointStatus=='Failed'].EndpointName", "--output", "text"]
    assert aws(stage, "sagemaker", "list-endpoints", *names) == "cli"
    aws(stage, "sagemaker", "delete-endpoint", "--endpoint-name", "cli")
    aws(stage, "sagemaker", "wait", "endpoint-deleted", "--endpoint-name", "cli")
    aws(stage, "sagemaker", "delete-endpoint-config", "--endpoint-config-name", "cli")
    aws(stage, "sagemaker", "delete-model", "--model-name", "cli")
    gone = aws(stage, "sagemaker", "describe-model", "--model-name", "cli", fails=True)
    assert "Could not find model" in gone
